import * as vscode from "vscode";
import type { ProjectView, ServiceView } from "./protocol";
import { problemText, projectItem, serviceItem, type Item } from "./service_item";
import type { ViewStore } from "./view_store";

/** A node of the tree; commands get one as their argument. */
export type Node =
  | { readonly kind: "project"; readonly project: ProjectView }
  | { readonly kind: "service"; readonly project: ProjectView; readonly service: ServiceView };

/** The activity bar's view: stacks, and under each its services. */
export class ServicesView implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #view: vscode.TreeView<Node>;
  readonly #subscription: { dispose(): unknown };

  constructor(private readonly store: ViewStore) {
    this.#view = vscode.window.createTreeView("podkeeper.services", {
      treeDataProvider: this,
      showCollapseAll: false,
    });
    this.#subscription = store.subscribe((state) => {
      const broken = state.projects.find((project) => project.problem !== "");
      this.#view.message = broken === undefined ? "" : problemText(broken);
      this.#changed.fire();
    });
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return node.kind === "project"
      ? treeItem(projectItem(node.project), node.project.folder, vscode.TreeItemCollapsibleState.Expanded)
      : treeItem(
          serviceItem(node.service),
          `${node.project.folder}/${node.service.service}`,
          vscode.TreeItemCollapsibleState.None,
        );
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) {
      return this.store.state.projects.map((project) => ({ kind: "project", project }));
    }
    return node.kind === "project"
      ? node.project.services.map((service) => ({ kind: "service", project: node.project, service }))
      : [];
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#view.dispose();
    this.#changed.dispose();
  }
}

function treeItem(item: Item, id: string, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const shown = new vscode.TreeItem(item.label, state);
  shown.id = id;
  shown.description = item.description;
  shown.tooltip = item.isMarkdown ? new vscode.MarkdownString(item.tooltip) : item.tooltip;
  shown.contextValue = item.context;
  shown.iconPath = new vscode.ThemeIcon(
    item.icon,
    item.color === undefined ? undefined : new vscode.ThemeColor(item.color),
  );
  shown.accessibilityInformation = { label: `${item.label}, ${item.description}` };
  return shown;
}
