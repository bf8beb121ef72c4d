import * as vscode from "vscode";
import type { ProjectView, ViewState } from "./protocol";
import { impactText, problemText } from "./service_item";
import type { ViewStore } from "./view_store";

const ICONS: Record<ProjectView["level"], string> = {
  ok: "pass",
  busy: "loading~spin",
  warning: "warning",
  error: "error",
  off: "circle-outline",
};

/** The worst stack of the workspace, in a word; a click opens the view. */
export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem("podkeeper.status", vscode.StatusBarAlignment.Left, 10);
  readonly #subscription: { dispose(): unknown };

  constructor(store: ViewStore) {
    this.#item.name = "Podkeeper";
    this.#item.command = "podkeeper.services.focus";
    this.#subscription = store.subscribe((state) => {
      this.#show(state);
    });
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#item.dispose();
  }

  #show(state: ViewState): void {
    const worst = ["error", "warning", "busy", "ok", "off"]
      .map((level) => state.projects.find((project) => project.level === level))
      .find((project) => project !== undefined);
    if (worst === undefined) {
      this.#item.hide();
      return;
    }
    this.#item.text = `$(${ICONS[worst.level]}) ${worst.summary}`;
    this.#item.tooltip = [problemText(worst), impactText(worst), state.engine.text]
      .filter((line) => line !== "")
      .join("\n");
    this.#item.backgroundColor =
      worst.level === "error" ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.#item.show();
  }
}
