// Terraform and its AWS provider. The program comes in a Python package that somebody has made of it, pinned by its
// hash. The provider's own module has no version since 1.60 that a module could name; what can be named is Cycloid's copy
// of 4.9, whose packages are public. Those for Kinesis are built, with a `main` of ours (terraform/provider): they
// are older than resource policies. A build of the whole provider had not ended after an hour beside other work.
import { fileURLToPath } from 'node:url';
import { goProgram } from '../go/build.mjs';
import { installedTerraform, terraformVersion } from '../terraform/install.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const providerVersion = '4.9.0';

export const terraform = {
  id: 'terraform',
  name: 'Terraform’s AWS provider',
  short: 'Terraform',
  heavy: true,
  scenarios: ['declare-apply', 'declare-change', 'declare-import'],
  find,
};

function find() {
  const program = installedTerraform();
  if (program.reason !== undefined) return program;
  const provider = goProgram(file('../terraform/provider/'), {
    name: 'terraform-provider-aws',
    buildMsMax: 3_600_000,
  });
  if (provider.reason !== undefined) return provider;
  const how = { terraform: program.program, provider: provider.program, version: providerVersion };
  return {
    version: `${providerVersion} (Terraform ${terraformVersion})`,
    program: process.execPath,
    args: [file('../terraform/program.mjs'), JSON.stringify(how)],
  };
}
