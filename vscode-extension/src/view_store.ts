import type { LanguageClient } from "vscode-languageclient/node";
import { VIEW_PATCH, VIEW_SNAPSHOT, type ProjectView, type ViewPatch, type ViewState } from "./protocol";

export const EMPTY: ViewState = { revision: 0, engine: { connected: false, text: "" }, projects: [] };

/** The state after a patch; undefined when one is missing between them. */
export function apply(state: ViewState, patch: ViewPatch): ViewState | undefined {
  if (patch.revision <= state.revision) {
    return state;
  }
  if (patch.revision !== state.revision + 1) {
    return undefined;
  }
  const changed = new Map(patch.projects.map((project) => [key(project), project]));
  const kept = state.projects
    .filter((project) => !patch.removed.includes(project.project))
    .map((project) => {
      const replacement = changed.get(key(project));
      changed.delete(key(project));
      return replacement ?? project;
    });
  return {
    revision: patch.revision,
    engine: patch.engine ?? state.engine,
    projects: [...kept, ...changed.values()],
  };
}

function key(project: ProjectView): string {
  return `${project.folder}\n${project.project}`;
}

interface Source {
  readonly client: LanguageClient | undefined;
}

/** What the server said last. A patch that does not follow it is answered by asking for the whole. */
export class ViewStore {
  #state = EMPTY;
  #source: Source | undefined;
  readonly #listeners = new Set<(state: ViewState) => void>();

  get state(): ViewState {
    return this.#state;
  }

  /** Calls `listener` now and at each change; the result ends that. */
  subscribe(listener: (state: ViewState) => void): { dispose: () => void } {
    this.#listeners.add(listener);
    listener(this.#state);
    return {
      dispose: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  /** Takes the patches of a server that has just started. */
  follow(source: Source): void {
    this.#source = source;
    this.#set(EMPTY);
    source.client?.onNotification(VIEW_PATCH, (patch: ViewPatch) => {
      const next = apply(this.#state, patch);
      if (next === undefined) {
        void this.refresh();
      } else {
        this.#set(next);
      }
    });
  }

  /** Asks for the whole state. */
  async refresh(): Promise<void> {
    const state = await this.#source?.client?.sendRequest<ViewState>(VIEW_SNAPSHOT, {});
    if (state !== undefined && state.revision >= this.#state.revision) {
      this.#set(state);
    }
  }

  /** The server is gone. */
  clear(): void {
    this.#source = undefined;
    this.#set(EMPTY);
  }

  #set(state: ViewState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener(state);
    }
  }
}
