import { access, constants } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";

/** The server's command line: the setting, the workspace's `.venv`, then PATH; undefined if there is none. */
export async function findServer(): Promise<readonly string[] | undefined> {
  const settings = vscode.workspace.getConfiguration("podkeeper");
  const configured = settings.get<string[]>("server.command", []);
  const program = configured.length > 0 ? configured : await findProgram();
  if (program === undefined) {
    return undefined;
  }
  const engineUrl = settings.get<string>("engineUrl", "");
  return [...program, ...(engineUrl === "" ? [] : ["--engine", engineUrl]), "lsp"];
}

/** Says that there is no server, and opens a terminal in which it can be installed. */
export async function offerInstall(): Promise<void> {
  const choices = {
    "Install with pipx": "pipx install podkeeper",
    "Install in .venv": "python3 -m venv .venv && .venv/bin/pip install podkeeper",
  };
  const openSettings = "Open Settings";
  const chosen = await vscode.window.showWarningMessage(
    "Podkeeper's server was not found: neither in the settings, nor in the workspace's .venv, nor on PATH. " +
      "Once it is installed, run Podkeeper: Restart Server.",
    ...Object.keys(choices),
    openSettings,
  );
  if (chosen === openSettings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "podkeeper.server.command");
  } else if (chosen !== undefined) {
    const terminal = vscode.window.createTerminal("Install Podkeeper");
    terminal.show();
    // typed, not entered: what runs in a terminal is for a person to decide
    terminal.sendText(choices[chosen as keyof typeof choices], false);
  }
}

async function findProgram(): Promise<readonly string[] | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const candidates = [
    ...folders.map((folder) => path.join(folder.uri.fsPath, ".venv/bin/podkeeper")),
    ...(process.env.PATH ?? "")
      .split(path.delimiter)
      .filter((each) => path.isAbsolute(each))
      .map((each) => path.join(each, "podkeeper")),
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
