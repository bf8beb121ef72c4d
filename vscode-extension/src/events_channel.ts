import * as vscode from "vscode";
import { EVENT_PUBLISHED, type PublishedEvent } from "./protocol";
import type { ServerProcess } from "./server_process";

/** Every event of the bus, one a line. */
export class EventsChannel implements vscode.Disposable {
  readonly #channel = vscode.window.createOutputChannel("Podkeeper Events", "json");
  readonly #disposables: vscode.Disposable;

  constructor(server: ServerProcess) {
    this.#disposables = vscode.Disposable.from(
      this.#channel,
      server.onStarted(() =>
        server.client?.onNotification(EVENT_PUBLISHED, ({ event }: PublishedEvent) =>
          this.#channel.appendLine(JSON.stringify(event)),
        ),
      ),
      vscode.commands.registerCommand("podkeeper.showEvents", () => this.#channel.show(true)),
    );
  }

  dispose(): void {
    this.#disposables.dispose();
  }
}
