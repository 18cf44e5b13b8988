// Clients that people ask for and that cannot be had from a registry, with what was found when they were looked for.
export const absent = [
  {
    name: 'Vector',
    reason: 'it is in no registry: crates.io and PyPI have other things of this name, and Debian 12 has none',
  },
  { name: 'Fluent Bit', reason: 'it is in no registry: Debian 12 has no package of it' },
];
