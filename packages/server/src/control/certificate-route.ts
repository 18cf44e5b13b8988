import { ControlRefusal, type ControlRoute } from './route.js';

/** `GET /_millrace/certificate`: what clients have to trust, as PEM. It is no secret, and is answered without TLS too. */
export function certificateRoute(certificate: () => string | undefined): ControlRoute {
  return {
    method: 'GET',
    path: '/_millrace/certificate',
    answer: () => {
      const pem = certificate();
      if (pem === undefined)
        throw new ControlRefusal(404, 'This server does not speak TLS: start it with --tls.');
      return { status: 200, contentType: 'application/x-pem-file', body: Buffer.from(pem) };
    },
  };
}
