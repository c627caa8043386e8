/** The servers that newshound can start itself: which, in which version, and where each may come from. */
import { join } from 'node:path';

export type ToolName = 'temporal' | 'versitygw';

export interface Download {
  url: string;
  /** SHA-256 of the archive, pinned here. */
  sha256: string;
  /** Path of the binary inside the .tar.gz. */
  member: string;
}

export interface Tool {
  name: ToolName;
  version: string;
  /** For people: 'Temporal server 1.29.1'. */
  title: string;
  /** Folder with the go.mod and go.sum that pin every source file. */
  module: string;
  /** Go package of the command, a `tool` of that module. */
  package: string;
  /** How many packages a cold build compiles, and how long that takes on two cores. */
  packages: number;
  buildMinutes: number;
  /** Official builds by `platform-arch` of Node. */
  downloads: Readonly<Record<string, Download>>;
  /** True when the version text that a binary found on PATH prints is one that newshound works with. */
  accepts(versionText: string): boolean;
  /** How to get it by hand. */
  install: string;
}

const temporalRelease = 'https://github.com/temporalio/cli/releases/download/v1.5.1';
const versityRelease = 'https://github.com/versity/versitygw/releases/download/v1.8.0';

export const tools: Readonly<Record<ToolName, Tool>> = {
  temporal: {
    name: 'temporal',
    version: '1.5.1',
    title: 'Temporal server 1.29.1',
    module: join(import.meta.dirname, 'tools', 'temporal'),
    package: 'github.com/temporalio/cli/cmd/temporal',
    packages: 1298,
    buildMinutes: 3,
    downloads: {
      'linux-x64': {
        url: `${temporalRelease}/temporal_cli_1.5.1_linux_amd64.tar.gz`,
        sha256: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
        member: 'temporal',
      },
      'darwin-arm64': {
        url: `${temporalRelease}/temporal_cli_1.5.1_darwin_arm64.tar.gz`,
        sha256: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
        member: 'temporal',
      },
      'darwin-x64': {
        url: `${temporalRelease}/temporal_cli_1.5.1_darwin_amd64.tar.gz`,
        sha256: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
        member: 'temporal',
      },
    },
    accepts: (text) => Number(/Server 1\.(\d+)/.exec(text)?.[1] ?? 0) >= 28,
    install: 'the Temporal CLI (1.4 or later)',
  },
  versitygw: {
    name: 'versitygw',
    version: '1.8.0',
    title: 'S3 server versitygw 1.8.0',
    module: join(import.meta.dirname, 'tools', 'versitygw'),
    package: 'github.com/versity/versitygw/cmd/versitygw',
    packages: 589,
    buildMinutes: 1.5,
    downloads: {
      'linux-x64': {
        url: `${versityRelease}/versitygw_v1.8.0_Linux_x86_64.tar.gz`,
        sha256: '2ba2c734d10d2c4e651d03182cb4b246656bc735a2f282db7b0b73fba6073467',
        member: 'versitygw_v1.8.0_Linux_x86_64/versitygw',
      },
      'linux-arm64': {
        url: `${versityRelease}/versitygw_v1.8.0_Linux_arm64.tar.gz`,
        sha256: 'b34051d33f5a9c457f790896acb7bd7d7e15ad8d92efb70616b924f37e401910',
        member: 'versitygw_v1.8.0_Linux_arm64/versitygw',
      },
      'darwin-arm64': {
        url: `${versityRelease}/versitygw_v1.8.0_Darwin_arm64.tar.gz`,
        sha256: '4953096f65a9c0d62ab184fb6b2ba7c2435229205cf00a56cb62cd4bf6b216ca',
        member: 'versitygw_v1.8.0_Darwin_arm64/versitygw',
      },
      'darwin-x64': {
        url: `${versityRelease}/versitygw_v1.8.0_Darwin_x86_64.tar.gz`,
        sha256: '104bd978e80ef0173554cfd8630ccc5bac24b00da440510b60365a3b6b6ab134',
        member: 'versitygw_v1.8.0_Darwin_x86_64/versitygw',
      },
    },
    accepts: (text) => /versitygw|Version/i.test(text),
    install: 'versitygw (1.8 or later)',
  },
};
