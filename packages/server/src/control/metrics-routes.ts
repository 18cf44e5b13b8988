import { exposition, expositionType, type Family } from '../telemetry/exposition.js';
import type { ControlRoute } from './route.js';

/** `GET /metrics`, where Prometheus looks, and beneath `/_millrace/` beside all else. */
export function metricsRoutes(families: () => readonly Family[]): readonly ControlRoute[] {
  return ['/metrics', '/_millrace/metrics'].map((path) => ({
    method: 'GET',
    path,
    answer: () => ({
      status: 200,
      contentType: expositionType,
      body: Buffer.from(exposition(families())),
    }),
  }));
}
