import type { ProjectView, ServiceView } from "./protocol";

/** A line of the tree, before VS Code has anything to do with it. */
export interface Item {
  readonly label: string;
  readonly description: string;
  readonly tooltip: string;
  readonly isMarkdown: boolean;
  readonly icon: string;
  readonly color?: string;
  /** What the menus go by. */
  readonly context: string;
}

const ICONS: Record<ServiceView["phase"], readonly [icon: string, color?: string]> = {
  absent: ["circle-outline"],
  created: ["circle-outline"],
  starting: ["loading~spin", "charts.yellow"],
  running: ["pass-filled", "testing.iconPassed"],
  healthy: ["pass-filled", "testing.iconPassed"],
  unhealthy: ["error", "testing.iconFailed"],
  completed: ["check", "testing.iconPassed"],
  exited: ["error", "testing.iconFailed"],
  paused: ["debug-pause", "charts.yellow"],
  unknown: ["question"],
};

/** A service: its phase picks the icon, unless something is being done to it. */
export function serviceItem(service: ServiceView): Item {
  const [icon, color] =
    service.busy === "" ? ICONS[service.phase] : (["loading~spin", "charts.yellow"] as const);
  return {
    label: service.service,
    description: service.description,
    tooltip: service.tooltip,
    isMarkdown: true,
    icon,
    ...(color === undefined ? {} : { color }),
    context: `service.${service.phase}`,
  };
}

/** A project, with its environment where it is another than the usual one. */
export function projectItem(project: ProjectView): Item {
  const icon = project.problem === "" ? "layers" : "warning";
  const environment = project.environment === "development" ? "" : ` · ${project.environment}`;
  const edited = project.impact === "" ? "" : " · not applied";
  return {
    label: project.project,
    description: `${project.summary.slice(project.project.length + 2)}${environment}${edited}`,
    tooltip:
      project.problem === ""
        ? [project.folder, impactText(project)].filter((line) => line !== "").join("\n")
        : problemText(project),
    isMarkdown: false,
    icon,
    context: `project.${project.level}`,
  };
}

/** What is wrong with a project, with its files named as they are in its folder: the view is narrow. */
export function problemText(project: ProjectView): string {
  return project.problem.replaceAll(`${project.folder}/`, "");
}

/** What applying the files as they are saved would do. */
export function impactText(project: ProjectView): string {
  return project.impact === "" ? "" : `Up ${project.impact.replaceAll("`", "")}`;
}
