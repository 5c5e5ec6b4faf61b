// Sends requests at an even pace, whether or not the gateway keeps up, and says how
// it went. A process of its own: what it takes is not to be counted as the page's.
//
//     node generator.mjs URL KEY PER_SECOND SECONDS
import { argv } from "node:process";

const [, , url, key, perSecond, seconds] = argv;
const rate = Number(perSecond);
const total = Math.round(rate * Number(seconds));

/** Half are answered whole; of the streams most are over at once, and some go on for two seconds. */
function request(number) {
  const slow = number % 10 === 9;
  const words = `Request number ${number} of this run, with some words to be repeated in the answer`;
  return { model: "echo", stream: number % 2 === 1, messages: [{ role: "user", content: slow ? `/wps 7 ${words}` : `/wps 0 ${words}` }] };
}

async function send(number) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(request(number)),
  });
  await response.text();
  return response.status === 200;
}

const began = performance.now();
const underWay = [];
for (let number = 0; number < total; number += 1) {
  const wait = began + (number * 1000) / rate - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  underWay.push(send(number).catch(() => false));
}
const took = (performance.now() - began) / 1000;
const answered = (await Promise.all(underWay)).filter(Boolean).length;
console.log(JSON.stringify({ sent: total, answered, seconds: took }));
