import * as vscode from "vscode";
import { TASK_LIST, type TaskDescription, type TaskList } from "./protocol";
import type { ServerProcess } from "./server_process";

const TYPE = "podkeeper";

interface Definition extends vscode.TaskDefinition {
  readonly task: string;
  readonly environment?: string;
  readonly services?: readonly string[];
}

/** Offers the server's tasks, and completes those that `tasks.json` names. */
export class PodkeeperTasks implements vscode.TaskProvider, vscode.Disposable {
  readonly #registration: vscode.Disposable;

  constructor(private readonly server: ServerProcess) {
    this.#registration = vscode.tasks.registerTaskProvider(TYPE, this);
  }

  async provideTasks(): Promise<vscode.Task[]> {
    return (await this.#described()).map((task) => makeTask(task, { type: TYPE, task: task.name }));
  }

  async resolveTask(task: vscode.Task): Promise<vscode.Task | undefined> {
    const definition = task.definition as Definition;
    const folder = typeof task.scope === "object" ? task.scope.uri.fsPath : undefined;
    const described = (await this.#described()).find(
      (each) => each.name === definition.task && (folder === undefined || each.folder === folder),
    );
    return described === undefined ? undefined : makeTask(described, definition);
  }

  dispose(): void {
    this.#registration.dispose();
  }

  async #described(): Promise<readonly TaskDescription[]> {
    const client = await this.server.ready();
    return client === undefined ? [] : (await client.sendRequest<TaskList>(TASK_LIST, {})).tasks;
  }
}

function makeTask(described: TaskDescription, definition: Definition): vscode.Task {
  const [program = "podkeeper", ...args] = described.argv;
  const chosen = definition.environment === undefined ? [] : ["--env", definition.environment];
  // an option that is given again replaces the one before
  const verb = described.verb_at - 1;
  const argv = [...args.slice(0, verb), ...chosen, ...args.slice(verb), ...(definition.services ?? [])];
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(described.folder));
  const task = new vscode.Task(
    definition,
    folder ?? vscode.TaskScope.Workspace,
    described.label,
    TYPE,
    new vscode.ProcessExecution(program, argv, { cwd: described.folder }),
    [], // said to have no problem matchers, or else VS Code asks for one at each run
  );
  task.detail = described.detail;
  return task;
}
