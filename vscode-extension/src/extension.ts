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

/** Composes the extension; each part puts what it must let go of on `context.subscriptions`. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const store = new ViewStore();
  const panel = new TextPanel();
  const server = new ServerProcess(panel);
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
    server.onStarted(async () => {
      store.follow(server);
      await store.refresh();
    }),
    server.onStopped(() => {
      store.clear();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => server.start()),
    vscode.workspace.onDidChangeWorkspaceFolders(() => server.restart()),
    vscode.workspace.onDidChangeConfiguration((change) =>
      change.affectsConfiguration("podkeeper") ? server.restart() : undefined,
    ),
  );
  if (vscode.workspace.isTrusted) {
    await server.start();
  }
}
