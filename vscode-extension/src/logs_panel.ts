import * as vscode from "vscode";
import {
  LOGS_APPENDED,
  LOGS_FOLLOW,
  LOGS_OPEN,
  type LogsAppended,
  type LogsFollowParams,
  type LogsOpenParams,
} from "./protocol";
import type { ServerProcess } from "./server_process";

/** An output channel for each service whose log somebody asked for; each follows from then on. */
export class LogsPanel implements vscode.Disposable {
  readonly #channels = new Map<string, vscode.OutputChannel>();
  readonly #followed = new Map<string, LogsFollowParams>();
  readonly #started: vscode.Disposable;

  constructor(private readonly server: ServerProcess) {
    this.#started = server.onStarted(() => this.#resume());
  }

  /** Shows a service's log, and follows it if nobody does yet. */
  async open(folder: string, service: string): Promise<void> {
    const stream = `${folder}\n${service}`;
    const known = this.#channels.get(stream);
    const channel = known ?? vscode.window.createOutputChannel(`Podkeeper: ${service}`, "log");
    this.#channels.set(stream, channel);
    channel.show(true);
    if (known === undefined) {
      const client = await this.server.ready();
      const params: LogsFollowParams = { stream, folder, service };
      this.#followed.set(stream, params);
      await client?.sendRequest(LOGS_FOLLOW, params);
    }
  }

  dispose(): void {
    vscode.Disposable.from(this.#started, ...this.#channels.values()).dispose();
  }

  /** Follows with a new server what the one before was asked to follow. */
  async #resume(): Promise<void> {
    const client = this.server.client;
    client?.onNotification(LOGS_APPENDED, ({ stream, text }: LogsAppended) => {
      this.#channels.get(stream)?.append(text);
    });
    client?.onNotification(LOGS_OPEN, ({ folder, service }: LogsOpenParams) => this.open(folder, service));
    for (const params of this.#followed.values()) {
      await client?.sendRequest(LOGS_FOLLOW, { ...params, lines: 0 });
    }
  }
}
