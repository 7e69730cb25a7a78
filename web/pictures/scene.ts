// A server that looks like one in use: what the pictures show.

import type { Server } from "../e2e/support/server";

export const scene = `
[worker]
name = "atlas"
slots = 5

[queues.default]
slots = 3
[queues.nightly]
slots = 1

[kinds.render]
title = "Render a video"
description = "Draws every frame of a clip and puts them together"
timeout = "2h"
command = ["sh", "-c", '''
printf '\\033[1mrender\\033[0m 4.2, 8 threads, clip \\033[36m%s\\033[0m\\n' "$0"
printf 'INFO  reading the project\\n'
printf 'WARN  no colour profile, sRGB is taken\\n' >&2
i=1; while [ $i -le 40 ]; do printf 'frame %d of 120 \\033[32mdone\\033[0m in 0.%02d s\\n' $i $((i * 7 % 90 + 10)); i=$((i + 1)); done
printf '34%% frame 41\\n'
exec sleep 3600''', "{clip}"]
[kinds.render.progress]
pattern = '(?P<percent>\\d+)%'
[kinds.render.args]
type = "object"
required = ["clip"]
additionalProperties = false
properties.clip = { type = "string", title = "Clip", description = "Name of the project" }
properties.quality = { type = "string", title = "Quality", enum = ["draft", "final"], default = "final" }
properties.frames = { type = "integer", title = "Frames", minimum = 1, maximum = 10000 }

[kinds.import]
title = "Import a feed"
description = "Loads new products from a supplier"
command = ["sh", "-c", '''
echo "GET $0"; echo "200 OK, 48,211 rows"
case $0 in *broken*) echo 'Traceback (most recent call last):' >&2; echo '  File "import.py", line 88, in rows' >&2; echo 'ValueError: row 17,402 has no price' >&2; exit 3;; esac
echo "48,211 rows stored"''', "{url}"]
[kinds.import.args]
type = "object"
required = ["url"]
properties.url = { type = "string", title = "Address", format = "uri" }

[kinds.report]
title = "Monthly report"
command = ["sh", "-c", "sleep 0.3; echo 'written to report.pdf'"]

[kinds.backup]
title = "Back up the shop"
queue = "nightly"
command = ["sh", "-c", "echo '12% 4.1 GB of 34 GB'; exec sleep 3600"]
[kinds.backup.progress]
pattern = '(?P<percent>\\d+)%'
`;

/** The jobs that the pictures are about. */
export interface Cast {
  running: string;
  failed: string;
  waiting: string;
}

export async function play(server: Server): Promise<Cast> {
  const start = async (kind: string, args: object, team: string): Promise<string> => {
    const { startJob } = await server.ask<{ startJob: { job: { id: string } } }>(
      "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }",
      { input: { kind, args, labels: [{ key: "team", value: team }] } },
    );
    return startJob.job.id;
  };
  for (let i = 0; i < 12; i += 1) {
    await server.ended(await start("report", {}, "finance"));
  }
  let failed = "";
  for (const name of ["north", "south", "broken-east", "west", "broken-delta", "harbour"]) {
    const id = await start("import", { url: `https://feeds.example/${name}.csv` }, "shop");
    await server.ended(id);
    failed = name.startsWith("broken") ? id : failed;
  }
  await start("backup", {}, "operations");
  await start("backup", {}, "operations");
  const running = await start("render", { clip: "autumn-trailer" }, "media");
  await start("render", { clip: "interview-07", quality: "draft" }, "media");
  await start("render", { clip: "harbour-at-night" }, "media");
  const waiting = await start("render", { clip: "winter-trailer" }, "media");
  for (const clip of ["interview-08", "interview-09", "credits"]) {
    await start("render", { clip }, "media");
  }
  await start("report", {}, "finance");
  return { running, failed, waiting };
}
