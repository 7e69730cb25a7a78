// What a person does with jobs: start one by its form, see its place, its progress and its log, cancel it.

import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

interface Started {
  startJob: { job: { id: string } };
}

test("a job is started by its form, waits, runs, prints and ends", async ({ page, server, context }) => {
  const holder = await Gate.make(server, "holder");
  const gate = await Gate.make(server, "gate");
  await server.startJob("gated", { pipe: holder.path });
  await holder.print("busy\n");
  const ahead = await server.startJob("gated", { pipe: "/dev/null" });
  const list = await context.newPage();
  await list.goto("/");
  await expect(list.getByRole("row")).toHaveCount(3);

  await page.goto("/start");
  await page.getByRole("radio", { name: /Gated work/ }).check();
  const start = page.getByRole("button", { name: "Start Gated work" });
  await page.getByRole("spinbutton", { name: "Times" }).fill("12");
  await start.click();
  // Nothing is sent while a field is wrong, and the field says so.
  await expect(page.getByRole("textbox", { name: "Pipe" })).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByRole("spinbutton", { name: "Times" })).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("textbox", { name: "Pipe" }).fill(gate.path);
  await page.getByRole("spinbutton", { name: "Times" }).fill("3");
  await expect(page.getByText("It would be number 2 in the queue default.")).toBeVisible();
  const ways = page.getByRole("region", { name: "The same by other ways" });
  await expect(ways.getByRole("region", { name: "Command" })).toContainText(/^longhaul start .*"times":3/);
  await ways.getByRole("tab", { name: "GraphQL" }).click();
  await expect(ways.getByRole("region", { name: "GraphQL" })).toContainText("startJob(input: $input)");
  await start.click();

  await expect(page).toHaveURL(/\/jobs\/[0-9a-f-]{36}$/);
  const state = page.getByRole("main").locator(".page-head").getByRole("status");
  await expect(state).toHaveText("Queued");
  await expect(page.getByText("Number 2 in the queue default.")).toBeVisible();
  const row = list.getByRole("row", { name: new RegExp(page.url().slice(-8)) });
  await expect(row).toContainText("Queued");

  await server.ask("mutation($id: ID!) { cancelJob(id: $id) { changed } }", { id: ahead });
  await expect(page.getByText("Next in the queue default.")).toBeVisible();
  await holder.close();
  await expect(state).toHaveText("Running");
  await gate.print("10% begun\n");
  const progress = page.getByRole("progressbar", { name: "Progress" });
  await expect(progress).toHaveAttribute("value", "10");
  await gate.print("a line\n60% further\n");
  await expect(progress).toHaveAttribute("value", "60");
  // What it never said is no mark.
  const marks = page.getByRole("list", { name: "Events" }).getByText("Progress");
  await expect(marks).toHaveText([/^Progress 60 % \+/]);
  const log = page.getByRole("region", { name: "Lines of the log" });
  await expect(log).toContainText("a line");
  await expect(row).toContainText("Running");
  await expect(row.getByRole("progressbar")).toHaveAttribute("value", "60");
  await gate.print("the last line");
  await gate.close();
  await expect(state).toHaveText("Succeeded");
  await expect(log).toContainText("the last line");
  await expect(page.getByRole("region", { name: "Log", exact: true })).toContainText("Complete");
  await expect(page.getByRole("region", { name: "Arguments as JSON" })).toContainText('"times": 3');
  await expect(row).toContainText("Succeeded");
});

test("a running job is canceled, and started again", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print("begun\n");
  await page.goto(`/jobs/${id}`);
  const state = page.getByRole("main").locator(".page-head").getByRole("status");
  await expect(state).toHaveText("Running");
  await page.getByRole("button", { name: "Cancel" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Cancel this job?" });
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await expect(state).toHaveText("Running");
  await page.getByRole("button", { name: "Cancel" }).click();
  await dialog.getByLabel("Note (optional)").fill("not today");
  await dialog.getByRole("button", { name: "Cancel the job" }).click();
  await expect(state).toHaveText("Canceled");
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("not today");
  await page.getByRole("button", { name: "Start the same again" }).click();
  await expect(page).not.toHaveURL(new RegExp(id));
  await expect(state).toHaveText("Running");
  await gate.reopen();
  await gate.close();
  await expect(state).toHaveText("Succeeded");
});

test("a job tells its past, and another is started with its arguments changed", async ({ page, server }) => {
  const input = {
    kind: "script",
    args: { script: "echo first; exit 3" },
    labels: [{ key: "team", value: "a b" }],
  };
  const { startJob } = await server.ask<Started>(
    "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }",
    { input },
  );
  await server.ended(startJob.job.id);
  await page.goto(`/jobs/${startJob.job.id}`);
  const events = page.getByRole("list", { name: "Events" });
  await expect(events.getByRole("listitem").first()).toContainText(/accepted/i);
  await expect(events.getByRole("listitem").last()).toContainText("exit code 3");
  await expect(page.getByRole("list", { name: "Attempts" }).getByRole("listitem")).toContainText(
    /Attempt 1 took .*: Exit code 3\./,
  );
  const facts = page.getByRole("region", { name: "Facts" });
  await expect(facts).toContainText("team: a b");
  await expect(facts).toContainText("Printed6 B");
  await page.getByRole("link", { name: "Start with other arguments" }).click();
  const script = page.getByRole("textbox", { name: "Script" });
  await expect(script).toHaveValue("echo first; exit 3");
  await script.fill("echo second");
  await page.getByRole("button", { name: "Start script" }).click();
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("second");
  await expect(page.getByRole("region", { name: "Arguments as JSON" })).toContainText("echo second");
});

test("an attempt tells when it first printed something, live", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await page.goto(`/jobs/${id}`);
  const attempt = page.getByRole("list", { name: "Attempts" }).getByRole("listitem");
  await expect(attempt).toContainText("Nothing printed yet");
  await gate.print("begun\n");
  await expect(attempt).toContainText(/First output after [\d.]+ m?s/);
  await gate.close();
});

test("the columns of the list are chosen, and stay so", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "exit 3" });
  await server.ended(id);
  await page.goto("/");
  const head = page.getByRole("columnheader");
  await expect(head).toHaveText(["Selected", "State", "Job", "Queue", "Accepted", "Ran"]);
  await page.getByText("Columns", { exact: true }).click();
  await page.getByRole("checkbox", { name: "Queue", exact: true }).uncheck();
  for (const name of ["Exit", "Worker", "Waited"]) {
    await page.getByRole("checkbox", { name }).check();
  }
  const chosen = ["Selected", "State", "Job", "Accepted", "Waited", "Ran", "Exit", "Worker"];
  await expect(head).toHaveText(chosen);
  const row = page.getByRole("row", { name: new RegExp(id.slice(-8)) });
  await expect(row.getByRole("cell").nth(6)).toHaveText("3");
  const { workers } = await server.ask<{ workers: { name: string }[] }>("{ workers { name } }");
  await expect(row.getByRole("cell").nth(7)).toHaveText(workers[0]?.name ?? "");
  await page.reload();
  await expect(head).toHaveText(chosen);
});

test("jobs are found by a label, and canceled and started again many at once", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const start = (args: object, label: string) =>
    server.ask<Started>("mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }", {
      input: { kind: "gated", args, labels: [{ key: "team", value: label }] },
    });
  await start({ pipe: gate.path }, "red");
  await gate.print("begun\n");
  for (const label of ["red", "red"]) {
    await start({ pipe: "/dev/null" }, label);
  }
  // One that does not match is left alone.
  const { startJob } = await start({ pipe: "/dev/null" }, "blue");
  await server.ask("mutation($id: ID!) { cancelJob(id: $id) { changed } }", { id: startJob.job.id });
  await page.goto("/");
  const rows = page.getByRole("row", { name: /Gated work/ });
  await expect(rows).toHaveCount(4);
  await page.getByRole("link", { name: "team: red" }).first().click();
  await expect(rows).toHaveCount(3);
  await expect(page).toHaveURL(/label=team%3Dred/);

  // The two that wait, by hand.
  const waiting = page.getByRole("row", { name: /Queued/ });
  for (const row of await waiting.all()) {
    await row.getByRole("checkbox").check();
  }
  const many = page.getByRole("region", { name: "Many at once" });
  await expect(many).toContainText("2 selected:");
  await many.getByRole("button", { name: "Cancel…" }).click();
  const dialog = page.getByRole("alertdialog");
  await expect(dialog).toHaveAccessibleName("Cancel 2 jobs?");
  await dialog.getByRole("button", { name: "Cancel 2 jobs" }).click();
  await expect(dialog).toContainText("2 jobs asked to stop.");
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("row", { name: /Canceled/ })).toHaveCount(2);

  // All that match and have ended.
  await many.getByRole("button", { name: "Start again…" }).click();
  await expect(dialog).toHaveAccessibleName("Start again 2 jobs?");
  await dialog.getByRole("button", { name: "Start again 2 jobs" }).click();
  await expect(dialog).toContainText("2 jobs started again.");
  await dialog.getByRole("button", { name: "Close" }).click();
  // Under the pointer nothing moves: new rows wait.
  await page.mouse.move(0, 0);
  await expect(waiting).toHaveCount(2);
  await page.getByRole("button", { name: "team=red" }).click();
  await expect(rows).toHaveCount(6);
  await expect(waiting).toHaveCount(2);
  await page.getByLabel("Id, kind or label").fill("blue");
  await page.getByLabel("Id, kind or label").press("Enter");
  await expect(rows).toHaveCount(1);
});

test("an answer that comes late does not undo what was pushed meanwhile", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print("begun\n");
  const ended = new Promise<void>((resolve) => {
    page.on("websocket", (socket) =>
      socket.on("framereceived", ({ payload }) => {
        if (String(payload).includes('"terminal":true')) {
          resolve();
        }
      }),
    );
  });
  await page.route("**/graphql", async (route) => {
    if (route.request().postData()?.includes("query JobPage")) {
      const early = await route.fetch();
      await gate.close();
      await ended;
      await route.fulfill({ response: early });
    } else {
      await route.fallback();
    }
  });
  await page.goto(`/jobs/${id}`);
  const state = page.getByRole("main").locator(".page-head").getByRole("status");
  await expect(state).toHaveText(/./);
  expect(await state.textContent()).toBe("Succeeded");
  await expect(page.getByRole("region", { name: "Facts" }).getByText("Exit code")).toBeVisible();
});
