import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import {
  ExecuteCommandRequest,
  LanguageClient,
  type DynamicFeature,
  type LanguageClientOptions,
  type StaticFeature,
  type StreamInfo,
} from "vscode-languageclient/node";
import type { InitializationOptions } from "./protocol";
import type { TextPanel } from "./text_panel";

const COMPOSE = "**/{compose,docker-compose}*.{yml,yaml}";
const ENVIRONMENTS = "**/environments/**/*.{yml,yaml}";
/** How long the server may take to end by itself. */
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

/** Finds, starts, restarts and ends the server. The only place that knows it is a process. */
export class ServerProcess implements vscode.Disposable {
  readonly #started = new vscode.EventEmitter<void>();
  readonly #stopped = new vscode.EventEmitter<void>();
  readonly onStarted = this.#started.event;
  readonly onStopped = this.#stopped.event;
  #client: LanguageClient | undefined;
  #inFlight: Promise<void> | undefined;
  #queued = false;

  constructor(private readonly panel: TextPanel) {}

  /** The client while the server runs. */
  get client(): LanguageClient | undefined {
    return this.#client?.isRunning() === true ? this.#client : undefined;
  }

  /** Starts the server, unless it runs or the workspace is not trusted. */
  start(): Promise<void> {
    return this.client === undefined ? this.restart() : Promise.resolve();
  }

  /** One restart is in flight, and at most one more waits for it. */
  restart(): Promise<void> {
    if (this.#inFlight !== undefined) {
      this.#queued = true;
      return this.#inFlight;
    }
    this.#inFlight = this.#restartNow().finally(() => {
      this.#inFlight = undefined;
      if (this.#queued) {
        this.#queued = false;
        void this.restart();
      }
    });
    return this.#inFlight;
  }

  /** The server, started if it must be; undefined, and said so, where it cannot be. */
  async ready(): Promise<LanguageClient | undefined> {
    await this.start();
    return this.client;
  }

  dispose(): void {
    void this.#client?.dispose(STOP_MS);
    this.#started.dispose();
    this.#stopped.dispose();
  }

  async #restartNow(): Promise<void> {
    const previous = this.#client;
    this.#client = undefined;
    if (previous !== undefined) {
      this.#stopped.fire();
      await previous.dispose(STOP_MS).catch(() => undefined);
    }
    if (!vscode.workspace.isTrusted) {
      return;
    }
    const command = await findServer();
    if (command === undefined) {
      await offerInstall();
      return;
    }
    const client = this.#makeClient(command);
    try {
      await client.start();
      this.#client = client;
      this.#started.fire();
    } catch (error) {
      this.panel.append(`The server did not start: ${String(error)}\n  ${command.join(" ")}`);
      const show = "Show Output";
      void vscode.window
        .showErrorMessage("Podkeeper: the server did not start.", show)
        .then((chosen) => (chosen === show ? this.panel.show() : undefined));
    }
  }

  #makeClient(command: readonly string[]): LanguageClient {
    const settings = vscode.workspace.getConfiguration("podkeeper");
    const engineUrl = settings.get<string>("engineUrl", "");
    const initializationOptions: InitializationOptions = {
      trusted: true,
      environment: settings.get<string>("environment", "") || null,
    };
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: "file", pattern: COMPOSE },
        { scheme: "file", pattern: ENVIRONMENTS },
      ],
      synchronize: {
        fileEvents: [COMPOSE, ENVIRONMENTS, "**/.env"].map((pattern) =>
          vscode.workspace.createFileSystemWatcher(pattern),
        ),
      },
      initializationOptions,
      outputChannelName: "Podkeeper Server",
    };
    const argv = [...command, ...(engineUrl ? ["--engine", engineUrl] : []), "lsp"];
    return new Client("podkeeper", "Podkeeper", () => run(argv), options);
  }
}

/** Starts a server whose input ends with us, so that it never outlives the editor. */
function run(argv: readonly string[]): Promise<StreamInfo> {
  return new Promise((resolve, reject) => {
    const [program = "podkeeper", ...args] = argv;
    const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    const process = spawn(program, args, { stdio: "pipe", ...(cwd === undefined ? {} : { cwd }) });
    process.once("error", reject);
    process.once("spawn", () => {
      process.stderr.resume();
      resolve({ reader: process.stdout, writer: process.stdin });
    });
  });
}

/** The setting, the workspace's `.venv`, then PATH. */
async function findServer(): Promise<readonly string[] | undefined> {
  const configured = vscode.workspace.getConfiguration("podkeeper").get<string[]>("server.command", []);
  if (configured.length > 0) {
    return configured;
  }
  const candidates = [
    ...(vscode.workspace.workspaceFolders ?? []).map((f) => path.join(f.uri.fsPath, ".venv/bin/podkeeper")),
    ...(process.env.PATH ?? "").split(path.delimiter).map((folder) => path.join(folder, "podkeeper")),
  ];
  for (const candidate of candidates) {
    if (await isExecutable(candidate)) {
      return [candidate];
    }
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function offerInstall(): Promise<void> {
  const install = "Install in a Terminal";
  const settings = "Open Settings";
  const chosen = await vscode.window.showWarningMessage(
    "Podkeeper's server was not found: neither in the settings, nor in .venv, nor on PATH.",
    install,
    settings,
  );
  if (chosen === install) {
    const terminal = vscode.window.createTerminal("Install Podkeeper");
    terminal.show();
    terminal.sendText("python3 -m venv .venv && .venv/bin/pip install podkeeper", false);
  } else if (chosen === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "podkeeper.server.command");
  }
}
