import * as readline from "node:readline";
import type { Readable } from "node:stream";
import * as vscode from "vscode";
import {
  ExecuteCommandRequest,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type DynamicFeature,
  type Executable,
  type LanguageClientOptions,
  type StaticFeature,
} from "vscode-languageclient/node";
import type { InitializationOptions } from "./protocol";
import { findServer, offerInstall } from "./server_command";

const COMPOSE = "**/{compose,docker-compose}*.{yml,yaml}";
const ENVIRONMENTS = "**/environments/**/*.{yml,yaml}";
const OWN = "**/podkeeper.{yml,yaml}";
const VARIABLES = "**/*.env";
/** How long the server may take to end by itself, before it is made to. */
const STOP_MS = 5000;

/** The server's commands are run by our own, under the same names, so the client must not register them. */
class Client extends LanguageClient {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the base class' signature
  override registerFeature(feature: StaticFeature | DynamicFeature<any>): void {
    const method = "registrationType" in feature ? feature.registrationType.method : undefined;
    if (method !== ExecuteCommandRequest.method) {
      super.registerFeature(feature);
    }
  }
}

/** Starts, restarts and ends the server. The only place that knows that it is a process. */
export class ServerProcess implements vscode.Disposable {
  readonly #started = new vscode.EventEmitter<void>();
  readonly #stopped = new vscode.EventEmitter<void>();
  /** The server runs: for the first time, after a restart, or again after it crashed. */
  readonly onStarted = this.#started.event;
  readonly onStopped = this.#stopped.event;
  readonly #output = vscode.window.createOutputChannel("Podkeeper Server", { log: true });
  readonly #watchers = [COMPOSE, ENVIRONMENTS, OWN, VARIABLES].map((pattern) =>
    vscode.workspace.createFileSystemWatcher(pattern),
  );
  #client: LanguageClient | undefined;
  #inFlight: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** The client while the server runs. */
  get client(): LanguageClient | undefined {
    return this.#client?.isRunning() === true ? this.#client : undefined;
  }

  /** Restarts the server; a workspace that is not trusted has none. One is in flight, at most one waits. */
  restart(): Promise<void> {
    if (this.#inFlight !== undefined) {
      this.#next ??= this.#inFlight.then(() => {
        this.#next = undefined;
        return this.restart();
      });
      return this.#next;
    }
    this.#inFlight = this.#restartNow().finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  /** The client, once the server runs; undefined, and said so, where it does not. */
  async ready(): Promise<LanguageClient | undefined> {
    if (this.client === undefined) {
      await (this.#inFlight ?? this.restart());
    }
    return this.client;
  }

  dispose(): void {
    void this.#client?.dispose(STOP_MS).catch(() => undefined);
    vscode.Disposable.from(this.#started, this.#stopped, this.#output, ...this.#watchers).dispose();
  }

  async #restartNow(): Promise<void> {
    const previous = this.#client;
    this.#client = undefined;
    if (previous?.state === State.Starting) {
      // it crashed and is being started again: only a client that runs can be ended
      await previous.start().catch(() => undefined);
    }
    await previous?.dispose(STOP_MS).catch(() => undefined);
    const command = vscode.workspace.isTrusted ? await findServer() : undefined;
    if (command === undefined) {
      this.#stopped.fire();
      if (vscode.workspace.isTrusted) {
        void offerInstall();
      }
      return;
    }
    const client = this.#makeClient(command);
    this.#client = client;
    try {
      await client.start();
    } catch (error) {
      this.#output.error(`${command.join(" ")}: ${error instanceof Error ? error.message : String(error)}`);
      this.#stopped.fire();
      void this.#sayThatItDidNotStart();
    }
  }

  #makeClient(command: readonly string[]): LanguageClient {
    const [program = "", ...args] = command;
    const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    const executable: Executable = {
      command: program,
      args,
      ...(cwd === undefined ? {} : { options: { cwd } }),
    };
    const client = new Client("podkeeper", "Podkeeper", executable, this.#options());
    client.onDidChangeState(({ newState }) => {
      if (client !== this.#client) {
        return;
      }
      if (newState === State.Running) {
        this.#started.fire();
      } else if (newState === State.Stopped) {
        this.#stopped.fire();
      }
    });
    return client;
  }

  #options(): LanguageClientOptions {
    const log = (input: Readable) =>
      readline.createInterface({ input }).on("line", (line) => this.#output.info(line));
    const settings = vscode.workspace.getConfiguration("podkeeper");
    const initializationOptions: InitializationOptions = {
      trusted: true,
      environment: settings.get<string>("environment", "") || null,
      applyOnSave: settings.get<"off" | "prompt" | "safe">("applyOnSave", "off"),
    };
    return {
      documentSelector: [COMPOSE, ENVIRONMENTS, OWN].map((pattern) => ({ scheme: "file", pattern })),
      synchronize: { fileEvents: this.#watchers },
      initializationOptions,
      outputChannel: this.#output,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      // the server's log has levels of its own: what is on standard error is not all an error
      stdioOptions: { stdout: log, stderr: log },
    };
  }

  async #sayThatItDidNotStart(): Promise<void> {
    const show = "Show Output";
    const message = "Podkeeper: the server did not start.";
    if ((await vscode.window.showErrorMessage(message, show)) === show) {
      this.#output.show(true);
    }
  }
}
