/**
 * Faults over HTTP:
 *
 *      GET    /_millrace/faults        {"faults":[{"id":"fault-1","fault":"throttle",…,"met":12,"struck":3}]}
 *      POST   /_millrace/faults        a rule (see `faults/fault-rule.ts`); answers it with its id and seed
 *      DELETE /_millrace/faults/ID     takes one away
 *      DELETE /_millrace/faults        takes all away
 */
import { FaultError } from '../faults/fault-rule.js';
import type { Faults } from '../faults/faults.js';
import { ControlRefusal, type ControlRoute, jsonAnswer, jsonMembers } from './route.js';

const path = '/_millrace/faults';

export function faultRoutes(faults: Faults): readonly ControlRoute[] {
  const listed = (): ReturnType<typeof jsonAnswer> => jsonAnswer(200, { faults: faults.list() });
  return [
    { method: 'GET', path, answer: listed },
    {
      method: 'POST',
      path,
      answer: (exchange) => {
        try {
          return jsonAnswer(201, faults.addParsed(jsonMembers(exchange)));
        } catch (error) {
          if (!(error instanceof FaultError)) throw error;
          throw new ControlRefusal(400, error.message, { cause: error });
        }
      },
    },
    {
      method: 'DELETE',
      path,
      answer: () => {
        faults.clear();
        return listed();
      },
    },
    {
      method: 'DELETE',
      path: `${path}/*`,
      answer: (_exchange, id) => {
        if (faults.remove(id)) return listed();
        throw new ControlRefusal(404, `There is no fault ${id.slice(0, 100)}: GET ${path} lists them.`);
      },
    },
  ];
}
