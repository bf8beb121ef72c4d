import type { LanguageClient } from "vscode-languageclient/node";
import { VIEW_PATCH, VIEW_SNAPSHOT, type ProjectView, type ViewPatch, type ViewState } from "./protocol";

export const EMPTY: ViewState = { revision: 0, engine: { connected: false, text: "" }, projects: [] };
/** Of a state that no patch follows: only a whole one does. */
const UNKNOWN = -1;

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

type Client = Pick<LanguageClient, "onNotification" | "sendRequest">;

/** What the server said last. A patch that does not follow it is answered by asking for the whole. */
export class ViewStore {
  #state = EMPTY;
  #client: Client | undefined;
  #asking: Promise<void> | undefined;
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

  /** Goes by a server that has just started; what the one before said is shown until this one speaks. */
  async follow(client: Client): Promise<void> {
    this.#client = client;
    this.#asking = undefined;
    this.#state = { ...this.#state, revision: UNKNOWN };
    client.onNotification(VIEW_PATCH, (patch: ViewPatch) => {
      const next = apply(this.#state, patch);
      if (next === undefined) {
        // where this fails the server is gone, and the next one is followed anew
        this.refresh().catch(() => undefined);
      } else {
        this.#set(next);
      }
    });
    await this.refresh();
  }

  /** Asks for the whole state, once at a time. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The server is gone. */
  clear(): void {
    this.#client = undefined;
    this.#set(EMPTY);
  }

  async #ask(): Promise<void> {
    const client = this.#client;
    const state = await client?.sendRequest<ViewState>(VIEW_SNAPSHOT, {});
    if (state !== undefined && client === this.#client && state.revision >= this.#state.revision) {
      this.#set(state);
    }
  }

  #set(state: ViewState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener(state);
    }
  }
}
