/* Runs one ONNX graph on one input whenever a line arrives on stdin, and answers with the time.
 *
 * usage: node run_onnx.js GRAPH THREADS INPUT.f32 SHAPE(1,3,8,224,224) [OPTIMISED_GRAPH]
 * Answers are JSON lines: {ready, version}; for a line `run` {ms, cpu_ms}, for `outputs` {outputs}.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import ort from 'onnxruntime-node';

const [graph, threads, inputFile, shape, optimisedGraph] = process.argv.slice(2);
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');

const options = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
};
if (optimisedGraph) options.optimizedModelFilePath = optimisedGraph;
const session = await ort.InferenceSession.create(graph, options);
const bytes = readFileSync(inputFile);
const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const feeds = { input: new ort.Tensor('float32', pixels, shape.split(',').map(Number)) };

let last = await session.run(feeds); // the first run allocates and packs
say({ ready: true, version: ort.env.versions?.node ?? ort.env.versions?.common });

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'run') {
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    last = await session.run(feeds);
    const ms = Number(process.hrtime.bigint() - start) / 1e6;
    const { user, system } = process.cpuUsage(cpu);
    say({ ms, cpu_ms: (user + system) / 1e3 });
  } else if (line === 'outputs') {
    const outputs = {};
    for (const [name, tensor] of Object.entries(last)) outputs[name] = Array.from(tensor.data);
    say({ outputs });
  }
}
