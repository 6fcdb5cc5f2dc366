// The value model's thread for benchmarks that load a policy themselves: Node runs workers from built files alone.
import { type LaunchSideThread, launchSideThread } from '../../src/onnx/side-thread.ts';

const file = new URL('../../dist/onnx/side-thread-worker.js', import.meta.url);

export const launchBuiltSideThread: LaunchSideThread = (data) => launchSideThread(data, file);
