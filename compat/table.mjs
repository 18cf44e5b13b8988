// The table that a run prints: scenarios down, clients across.

export function printedTable(clients, scenarios, answers) {
  const asked = scenarios.filter(({ id }) => clients.some((client) => client.scenarios.includes(id)));
  const cell = (client, id) => {
    if (!client.scenarios.includes(id)) return '';
    const { reason, results = [] } = answers.get(client.id) ?? { reason: 'not run' };
    if (reason !== undefined) return 'skipped';
    return results.find(({ scenario }) => scenario === id)?.passed ? 'ok' : 'FAILED';
  };
  const rows = [
    ['', ...clients.map(({ short }) => short)],
    ...asked.map(({ id }) => [id, ...clients.map((client) => cell(client, id))]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  const notes = clients.map(({ id, name, short }) => {
    const { version, reason } = answers.get(id) ?? {};
    return `${short.padEnd(8)} ${name}: ${reason === undefined ? version : `skipped, ${reason}`}`;
  });
  return [...lines, '', ...notes].join('\n');
}
