// OpenAI's own client against the server: lists models, completes, streams. Usage: openai.mjs URL KEY STRANGERS_KEY MODEL...
// Prints what it got as JSON; the test judges it.
import OpenAI from 'openai';

const [url, key, stranger, ...models] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url + '/v1', apiKey: key, maxRetries: 0 });
const other = new OpenAI({ baseURL: url + '/v1', apiKey: stranger, maxRetries: 0 });
const ask = { prompt: '5 6 7', max_tokens: 4, temperature: 0 };

const listed = [];
for await (const model of client.models.list()) listed.push(model.id);

const answers = {};
for (const model of models) {
  const whole = await client.completions.create({ ...ask, model });
  let streamed = '', usage = null;
  for await (const chunk of await client.completions.create({ ...ask, model, stream: true, stream_options: { include_usage: true } })) {
    streamed += chunk.choices[0]?.text ?? '';
    usage = chunk.usage ?? usage;
  }
  let refused = 0;
  try {
    await other.completions.create({ ...ask, model });
  } catch (e) {
    refused = e instanceof OpenAI.NotFoundError ? e.status : -1;
  }
  answers[model] = { whole: whole.choices[0].text, finish: whole.choices[0].finish_reason, streamed, tokens: usage.completion_tokens, refused };
}
let chat;
try {
  await client.chat.completions.create({ model: models[0], messages: [{ role: 'user', content: '5' }] });
} catch (e) {
  chat = { status: e.status, message: e.error.message };
}
console.log(JSON.stringify({ listed, answers, chat }));
