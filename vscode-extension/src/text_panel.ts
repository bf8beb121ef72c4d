import * as vscode from "vscode";
import type { Problem } from "./protocol";

/** The output channel for what verbs answer: plans, findings, failures with their logs. */
export class TextPanel implements vscode.Disposable {
  readonly #channel = vscode.window.createOutputChannel("Podkeeper");

  /** Shows an answer in the place of what was there. */
  showAnswer(heading: string, text: string): void {
    this.#channel.replace(`${heading}\n\n${text}\n`);
    this.show();
  }

  /** Keeps everything that is known about failures, for whoever wants to look. */
  keepProblems(heading: string, problems: readonly Problem[]): void {
    this.#channel.replace(`${heading}\n\n${problems.map(problemText).join("\n")}\n`);
  }

  show(): void {
    this.#channel.show(true);
  }

  dispose(): void {
    this.#channel.dispose();
  }
}

function problemText(problem: Problem): string {
  const details = [problem.remedy, problem.check_output, ...problem.log_tail].filter((line) => line !== "");
  return [`error [${problem.code}]: ${problem.message}`, ...details.map((line) => `    ${line}`)].join("\n");
}
