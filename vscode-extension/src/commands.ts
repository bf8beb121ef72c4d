import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import {
  ExecuteCommandRequest,
  WorkDoneProgress,
  WorkDoneProgressCancelNotification,
  type LanguageClient,
} from "vscode-languageclient/node";
import type { LogsPanel } from "./logs_panel";
import {
  ENVIRONMENT_LIST,
  ENVIRONMENT_SELECT,
  type CommandArguments,
  type EnvironmentList,
  type TaskResult,
} from "./protocol";
import type { ServerProcess } from "./server_process";
import type { Node } from "./services_view";
import type { TextPanel } from "./text_panel";
import type { ViewStore } from "./view_store";

/** A row of the answer to `podkeeper.history`. */
interface RevisionRow {
  readonly revision: number;
  readonly label: string;
  readonly description: string;
}

const CHANGING = ["up", "down", "start", "restart", "stop", "reconcile", "recover"];
/** They are meant for one service: from the palette it is asked for which. */
const OF_ONE_SERVICE = ["reload", "hold", "release", "retry"];
const TELLING = ["plan", "validate", "doctor", "status", "history", "health", "drift", "selftest"];

/** The palette's and the tree's commands; all they do is ask the server and show its answer. */
export function registerCommands(
  server: ServerProcess,
  store: ViewStore,
  logs: LogsPanel,
  panel: TextPanel,
): vscode.Disposable {
  const commands = new Commands(server, store, logs, panel);
  const register = (name: string, run: (node?: Node) => Promise<void>): vscode.Disposable =>
    vscode.commands.registerCommand(`podkeeper.${name}`, (node?: Node) => run(node).catch(showFailure));
  return vscode.Disposable.from(
    ...CHANGING.map((verb) => register(verb, (node) => commands.change(verb, node))),
    ...OF_ONE_SERVICE.map((verb) => register(verb, (node) => commands.changeOne(verb, node))),
    ...TELLING.map((verb) => register(verb, (node) => commands.tell(verb, node))),
    register("rollback", (node) => commands.rollBack(node)),
    register("logs", (node) => commands.showLogs(node)),
    register("selectEnvironment", (node) => commands.selectEnvironment(node)),
    register("refresh", () => store.refresh()),
    register("restartServer", () => server.restart()),
  );
}

class Commands {
  constructor(
    private readonly server: ServerProcess,
    private readonly store: ViewStore,
    private readonly logs: LogsPanel,
    private readonly panel: TextPanel,
  ) {}

  /** Runs a verb that changes something; where it can not be undone, the person is asked first. */
  async change(verb: string, node?: Node, more: CommandArguments = {}): Promise<void> {
    const client = await this.#client();
    if (client === undefined) {
      return;
    }
    const args = { ...argumentsOf(node), ...more };
    let result = await withProgress(client, verb, args);
    const question = result.problems.find((problem) => problem.code === "confirmation_needed");
    if (question !== undefined) {
      const goOn = "Go On";
      const modal = { modal: true, detail: question.message };
      const chosen = await vscode.window.showWarningMessage(`${title(verb)} can not be undone.`, modal, goOn);
      if (chosen !== goOn) {
        return;
      }
      result = await withProgress(client, verb, { ...args, consent: true });
    }
    await this.#conclude(verb, result);
  }

  /** Runs a verb that is meant for one service. */
  async changeOne(verb: string, node?: Node): Promise<void> {
    const chosen = node?.kind === "service" ? node : await this.#pickService(verb);
    if (chosen !== undefined) {
      await this.change(verb, chosen);
    }
  }

  /** Lets the person pick the revision to go back to. */
  async rollBack(node?: Node): Promise<void> {
    const client = await this.#client();
    if (client === undefined) {
      return;
    }
    const known = await execute(client, "history", argumentsOf(node));
    const rows = (known.data as { revisions?: RevisionRow[] } | null)?.revisions ?? [];
    if (!known.ok || rows.length < 2) {
      await (known.ok
        ? vscode.window.showInformationMessage("Podkeeper: there is no earlier revision to go back to.")
        : this.#conclude("history", known));
      return;
    }
    const picked = await vscode.window.showQuickPick(rows.slice(1), {
      title: "Podkeeper: Rollback",
      placeHolder: "To which revision?",
    });
    if (picked !== undefined) {
      await this.change("rollback", node, { revision: picked.revision });
    }
  }

  /** Runs a verb that only looks, and shows its text. */
  async tell(verb: string, node?: Node): Promise<void> {
    const client = await this.#client();
    if (client === undefined) {
      return;
    }
    const result = await execute(client, verb, argumentsOf(node));
    const text: unknown = (result.data as { text?: unknown } | null)?.text;
    if (typeof text === "string") {
      this.panel.showAnswer(title(verb), text);
    } else if (result.problems.length > 0) {
      await this.#conclude(verb, result);
    } else {
      void vscode.window.showInformationMessage(`Podkeeper: ${result.message}`);
    }
  }

  async showLogs(node?: Node): Promise<void> {
    const chosen = node?.kind === "service" ? node : await this.#pickService("logs");
    if (chosen !== undefined) {
      await this.logs.open(chosen.project.folder, chosen.service.service);
    }
  }

  async selectEnvironment(node?: Node): Promise<void> {
    const client = await this.#client();
    if (client === undefined) {
      return;
    }
    const folder = node?.project.folder ?? null;
    const { environments, selected } = await client.sendRequest<EnvironmentList>(ENVIRONMENT_LIST, {
      folder,
    });
    const chosen = await vscode.window.showQuickPick([...environments], {
      title: "Podkeeper: Select Environment",
      placeHolder: `now ${selected}`,
    });
    if (chosen !== undefined) {
      await client.sendRequest(ENVIRONMENT_SELECT, { folder, environment: chosen });
    }
  }

  async #pickService(verb: string): Promise<Extract<Node, { kind: "service" }> | undefined> {
    const nodes = this.store.state.projects.flatMap((project) =>
      project.services.map((service) => ({ kind: "service" as const, project, service })),
    );
    const picked = await vscode.window.showQuickPick(
      nodes.map((node) => ({ label: node.service.service, description: node.service.description, node })),
      { title: title(verb), placeHolder: "Of which service?" },
    );
    return picked?.node;
  }

  async #client(): Promise<LanguageClient | undefined> {
    if (vscode.workspace.isTrusted) {
      return this.server.ready();
    }
    const manage = "Manage Workspace Trust";
    const message = "Podkeeper: nothing runs before this workspace is trusted.";
    if ((await vscode.window.showWarningMessage(message, manage)) === manage) {
      await vscode.commands.executeCommand("workbench.trust.manage");
    }
    return undefined;
  }

  async #conclude(verb: string, result: TaskResult): Promise<void> {
    if (result.ok) {
      void vscode.window.setStatusBarMessage(`$(pass) ${result.message}`, 5000);
      return;
    }
    this.panel.keepProblems(title(verb), result.problems);
    const service = result.problems.find((problem) => problem.service !== null)?.service ?? undefined;
    const showOutput = "Show Output";
    const showLogs = "Show Logs";
    const chosen = await vscode.window.showErrorMessage(
      `Podkeeper: ${failureText(result)}`,
      showOutput,
      ...(service === undefined ? [] : [showLogs]),
    );
    if (chosen === showOutput) {
      this.panel.show();
    } else if (chosen === showLogs && service !== undefined) {
      const project = this.store.state.projects.find((p) => p.services.some((s) => s.service === service));
      await this.logs.open(project?.folder ?? "", service);
    }
  }
}

function failureText({ problems: [first, ...others], message }: TaskResult): string {
  if (first === undefined) {
    return message;
  }
  const more = others.length === 0 ? "" : ` (and ${String(others.length)} more)`;
  return `${first.message} [${first.code}]${more}${first.remedy === "" ? "" : ` — ${first.remedy}`}`;
}

function showFailure(error: unknown): void {
  void vscode.window.showErrorMessage(`Podkeeper: ${error instanceof Error ? error.message : String(error)}`);
}

function title(verb: string): string {
  return `Podkeeper: ${verb.charAt(0).toUpperCase()}${verb.slice(1)}`;
}

function argumentsOf(node: Node | undefined): CommandArguments {
  if (node === undefined) {
    return {};
  }
  const folder = node.project.folder;
  return node.kind === "service" ? { folder, services: [node.service.service] } : { folder };
}

/** Runs a verb with its progress shown; cancelling rolls it back. */
function withProgress(client: LanguageClient, verb: string, args: CommandArguments): Thenable<TaskResult> {
  const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title: title(verb) };
  return vscode.window.withProgress(options, async (progress, cancelled) => {
    const token = `podkeeper-${randomUUID()}`;
    let percentage = 0;
    const reports = client.onProgress(WorkDoneProgress.type, token, (report) => {
      if (report.kind === "report") {
        const reached = report.percentage ?? percentage;
        progress.report({ message: report.message ?? "", increment: reached - percentage });
        percentage = reached;
      }
    });
    const cancel = cancelled.onCancellationRequested(() =>
      client.sendNotification(WorkDoneProgressCancelNotification.type, { token }),
    );
    try {
      return await execute(client, verb, args, token);
    } finally {
      vscode.Disposable.from(reports, cancel).dispose();
    }
  });
}

async function execute(
  client: LanguageClient,
  verb: string,
  args: CommandArguments,
  workDoneToken?: string,
): Promise<TaskResult> {
  const command = `podkeeper.${verb}`;
  const params = { command, arguments: [args], ...(workDoneToken === undefined ? {} : { workDoneToken }) };
  return (await client.sendRequest(ExecuteCommandRequest.type, params)) as TaskResult;
}
