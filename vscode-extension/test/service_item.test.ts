import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProjectView, ServiceView } from "../src/protocol";
import { problemText, projectItem, serviceItem } from "../src/service_item";

const service: ServiceView = {
  service: "api",
  phase: "healthy",
  description: "healthy · 127.0.0.1:80->80/tcp",
  tooltip: "**api**",
  image: "x",
  container: "demo_api_1",
  ports: [],
  busy: "",
};

test("a healthy service is green and says what the server said", () => {
  const item = serviceItem(service);
  assert.deepEqual(
    [item.icon, item.color, item.description],
    ["pass-filled", "testing.iconPassed", service.description],
  );
  assert.equal(item.context, "service.healthy");
});

test("a service that something is done to spins, whatever its phase", () => {
  assert.equal(serviceItem({ ...service, busy: "stopping" }).icon, "loading~spin");
});

test("a service that does not exist yet is shown, hollow", () => {
  const item = serviceItem({ ...service, phase: "absent" });
  assert.deepEqual([item.icon, item.context], ["circle-outline", "service.absent"]);
});

test("a project shows its summary once, and its environment where it is another than development", () => {
  const view = {
    project: "demo",
    folder: "/w",
    environment: "staging",
    services: [],
    summary: "demo: 3/3 healthy",
    level: "ok",
    impact: "",
    problem: "",
  } as const;
  assert.equal(projectItem({ ...view, services: [] }).description, "3/3 healthy · staging");
  assert.equal(projectItem({ ...view, services: [], problem: "line 3" }).icon, "warning");
  const edited = projectItem({ ...view, services: [], impact: "recreates `api`" });
  assert.equal(edited.description, "3/3 healthy · staging · not applied");
  assert.equal(edited.tooltip, "/w\nUp recreates api");
});

test("a project's problem names files as they are in its folder", () => {
  const problem = "/w/shop/compose.yaml:3:5: error: no image";
  const view: ProjectView = {
    project: "shop",
    folder: "/w/shop",
    environment: "development",
    services: [],
    summary: "shop: invalid",
    level: "error",
    impact: "",
    problem,
  };
  assert.equal(problemText(view), "compose.yaml:3:5: error: no image");
  assert.equal(projectItem(view).tooltip, problemText(view));
});
