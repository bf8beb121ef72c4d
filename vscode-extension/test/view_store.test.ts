import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProjectView, ViewPatch, ViewState } from "../src/protocol";
import { apply, EMPTY, ViewStore } from "../src/view_store";

function project(name: string, summary = ""): ProjectView {
  return {
    project: name,
    folder: `/w/${name}`,
    environment: "development",
    services: [],
    summary,
    level: "ok",
    impact: "",
    problem: "",
  };
}

function patch(revision: number, rest: Partial<ViewPatch> = {}): ViewPatch {
  return { revision, engine: null, projects: [], removed: [], ...rest };
}

test("a patch that follows adds, replaces and removes projects", () => {
  const first = apply(EMPTY, patch(1, { projects: [project("a"), project("b")] }));
  assert.ok(first);
  const second = apply(first, patch(2, { projects: [project("b", "new")], removed: ["a"] }));
  assert.deepEqual(second?.projects, [project("b", "new")]);
  assert.equal(second.revision, 2);
});

test("an old patch changes nothing", () => {
  const state = { ...EMPTY, revision: 5, projects: [project("a")] };
  assert.equal(apply(state, patch(5, { removed: ["a"] })), state);
});

test("a patch after a gap cannot be applied", () => {
  assert.equal(apply(EMPTY, patch(2)), undefined);
});

/** A server that answers with `whole`, and sends what it is told to. */
class FakeServer {
  asked = 0;
  send: (patch: ViewPatch) => void = () => undefined;

  constructor(public whole: ViewState) {}

  onNotification(_method: unknown, handler: unknown): { dispose: () => void } {
    this.send = handler as typeof this.send;
    return { dispose: () => undefined };
  }

  sendRequest(): Promise<never> {
    this.asked += 1;
    return Promise.resolve(this.whole as never);
  }
}

test("a store that missed a patch asks for the whole state, once for any number of patches", async () => {
  const server = new FakeServer(EMPTY);
  const store = new ViewStore();
  const seen: number[] = [];
  store.subscribe((state) => seen.push(state.revision));
  await store.follow(server as never);
  server.whole = { ...EMPTY, revision: 7, projects: [project("a")] };
  server.send(patch(6));
  server.send(patch(7));
  await new Promise(setImmediate);
  assert.equal(store.state, server.whole);
  assert.equal(seen.at(-1), 7);
  assert.equal(server.asked, 2);
});

test("a new server counts from one again, and what the old one said stays until it has spoken", async () => {
  const store = new ViewStore();
  await store.follow(new FakeServer({ ...EMPTY, revision: 40, projects: [project("a")] }) as never);
  const server = new FakeServer({ ...EMPTY, revision: 1, projects: [project("b")] });
  const following = store.follow(server as never);
  assert.deepEqual(store.state.projects, [project("a")]);
  await following;
  assert.deepEqual(store.state, server.whole);
  server.send(patch(2, { removed: ["b"] }));
  assert.deepEqual(store.state.projects, []);
});

test("a store without a server shows nothing, and a late answer changes nothing", async () => {
  const store = new ViewStore();
  const following = store.follow(
    new FakeServer({ ...EMPTY, revision: 3, projects: [project("a")] }) as never,
  );
  store.clear();
  await following;
  assert.equal(store.state, EMPTY);
});
