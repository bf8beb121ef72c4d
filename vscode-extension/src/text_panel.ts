import * as vscode from "vscode";
import type { Problem } from "./protocol";

/** The output channel for what verbs print: plans, findings, failures with their logs. */
export class TextPanel implements vscode.Disposable {
  readonly #channel = vscode.window.createOutputChannel("Podkeeper");

  append(text: string): void {
    this.#channel.appendLine(text);
  }

  /** Everything that is known about failures. */
  appendProblems(problems: readonly Problem[]): void {
    for (const problem of problems) {
      this.append(`error [${problem.code}]: ${problem.message}`);
      for (const line of [problem.remedy, problem.check_output, ...problem.log_tail]) {
        if (line !== "") {
          this.append(`    ${line}`);
        }
      }
    }
  }

  show(): void {
    this.#channel.show(true);
  }

  dispose(): void {
    this.#channel.dispose();
  }
}
