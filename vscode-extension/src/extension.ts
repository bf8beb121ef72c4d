import * as vscode from "vscode";
import { registerCommands } from "./commands";
import { EventsChannel } from "./events_channel";
import { LogsPanel } from "./logs_panel";
import { ServerProcess } from "./server_process";
import { ServicesView } from "./services_view";
import { StatusBar } from "./status_bar";
import { PodkeeperTasks } from "./tasks";
import { TextPanel } from "./text_panel";
import { ViewStore } from "./view_store";

const NEEDS_RESTART = ["server.command", "engineUrl", "environment", "applyOnSave"].map(
  (name) => `podkeeper.${name}`,
);

/** Composes the extension. The server starts beside, so that the window need not wait for it. */
export function activate(context: vscode.ExtensionContext): void {
  const store = new ViewStore();
  const panel = new TextPanel();
  const server = new ServerProcess();
  const logs = new LogsPanel(server);
  context.subscriptions.push(
    panel,
    server,
    logs,
    new EventsChannel(server),
    new ServicesView(store),
    new StatusBar(store),
    new PodkeeperTasks(server),
    registerCommands(server, store, logs, panel),
    server.onStarted(() => (server.client === undefined ? undefined : store.follow(server.client))),
    server.onStopped(() => store.clear()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => server.restart()),
    vscode.workspace.onDidChangeWorkspaceFolders(() => server.restart()),
    vscode.workspace.onDidChangeConfiguration((change) =>
      NEEDS_RESTART.some((name) => change.affectsConfiguration(name)) ? server.restart() : undefined,
    ),
  );
  void server.restart();
}
