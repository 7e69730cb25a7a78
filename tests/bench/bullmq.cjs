// Drives BullMQ for the benchmark: a line `adds CLIENTS MILLISECONDS` or `ends COUNT` is answered by a number.
const readline = require("node:readline");
const { Queue, QueueEvents, Worker } = require("bullmq");

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const still = new Queue("still", { connection });
const running = new Queue("running", { connection });
const options = { removeOnComplete: false };

/// How many jobs a second so many clients add, each as soon as its last one was.
async function adds(clients, time) {
  const begun = performance.now();
  let count = 0;
  const add = async () => {
    while (performance.now() - begun < time) {
      await still.add("job", { kind: "still" }, options);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, add));
  return (count * 1000) / (performance.now() - begun);
}

/// The median of the milliseconds from a job's acceptance until its end is heard.
async function ends(count) {
  const worker = new Worker("running", async () => null, { connection, concurrency: 2 });
  const events = new QueueEvents("running", { connection });
  await Promise.all([worker.waitUntilReady(), events.waitUntilReady()]);
  const heard = new Map();
  events.on("completed", ({ jobId }) => heard.get(jobId)?.() ?? heard.set(jobId, null));
  const took = [];
  for (let n = 0; n < count; n += 1) {
    const job = await running.add("job", { kind: "true" }, options);
    const begun = performance.now();
    if (!heard.has(job.id)) await new Promise((done) => heard.set(job.id, done));
    took.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 5));
  }
  await Promise.all([worker.close(), events.close()]);
  return took.sort((a, b) => a - b)[Math.floor(count / 2)];
}

async function main() {
  await Promise.all([still.waitUntilReady(), running.waitUntilReady()]);
  console.log("ready");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [what, ...numbers] = line.split(" ");
    const answer = what === "adds" ? adds(...numbers.map(Number)) : ends(...numbers.map(Number));
    console.log(String(await answer));
  }
}

main();
