// Transfers of basic-ftp in the current folder.
//
// client.mjs clear|tls HOST USER PASSWORD AUTHORITY (get|put NAME)...

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Client } = createRequire(`${process.env.FLOTILLA_NODE_MODULES}/`)("basic-ftp");
const [kind, host, user, password, authority, ...orders] = process.argv.slice(2);
const client = new Client(60_000);
client.ftp.log = (line) => console.log(line);
client.ftp.verbose = true;
await client.access({
    host, user, password,
    secure: kind === "tls",
    secureOptions: { ca: readFileSync(authority), host },
});
for (let index = 0; index < orders.length; index += 2) {
    const name = orders[index + 1];
    const move = orders[index] === "get" ? client.downloadTo : client.uploadFrom;
    const reply = await move.call(client, name, name);
    console.log(`${orders[index]} ${name}: ${reply.message}`);
}
console.log((await client.send("NOOP")).message);
client.close();
