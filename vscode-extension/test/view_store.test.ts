import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProjectView, ViewPatch } from "../src/protocol";
import { apply, EMPTY, ViewStore } from "../src/view_store";

function project(name: string, summary = ""): ProjectView {
  return {
    project: name,
    folder: `/w/${name}`,
    environment: "development",
    services: [],
    summary,
    level: "ok",
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

test("a store that missed a patch asks for the whole state", async () => {
  let send: (patch: ViewPatch) => void = () => undefined;
  const whole = { ...EMPTY, revision: 7, projects: [project("a")] };
  const client = {
    onNotification: (_: string, handler: (patch: ViewPatch) => void) => (send = handler),
    sendRequest: () => Promise.resolve(whole),
  };
  const store = new ViewStore();
  const seen: number[] = [];
  store.subscribe((state) => seen.push(state.revision));
  store.follow({ client: client as never });
  send(patch(7));
  await new Promise(setImmediate);
  assert.equal(store.state, whole);
  assert.equal(seen.at(-1), 7);
});
