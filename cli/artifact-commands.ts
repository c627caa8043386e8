/** The commands of `newshound artifacts`. */
import type { Command } from 'commander';
import { countOf } from './arguments.ts';
import { createDisplay } from './display.ts';
import { printed, withArtifacts } from './store.ts';

/** Adds them to `stored`. */
export function artifactCommands(stored: Command): void {
  stored
    .command('ls')
    .description('the newest artifacts')
    .option('--kind <kind>', 'of this kind only')
    .option('--limit <count>', 'how many', countOf, 40)
    .action(async ({ kind, limit }: { kind?: string; limit: number }) => {
      const { listArtifacts } = await import('./artifacts.ts');
      await printed((artifacts) => listArtifacts(artifacts, kind ?? null, limit));
    });

  stored
    .command('show')
    .description('its files, maker, settings and inputs')
    .argument('<digest>', 'the first characters of its digest')
    .action(async (digest: string) => {
      const { showArtifact } = await import('./artifacts.ts');
      await printed((artifacts) => showArtifact(artifacts, digest));
    });

  stored
    .command('verify')
    .description('read every byte against its digest')
    .argument('[digest...]', 'these only')
    .action(async (digests: string[]) => {
      const { verifyArtifacts } = await import('./artifacts.ts');
      const say = createDisplay(process.stdout);
      await withArtifacts(say, async (artifacts) => {
        const problems = await verifyArtifacts(artifacts, digests, say.line);
        if (problems.length > 0) process.exitCode = 1;
      });
    });

  stored
    .command('lineage')
    .description('what it was made from, back to the source')
    .argument('<digest>', 'the first characters of its digest')
    .action(async (digest: string) => {
      const { lineageOf } = await import('./artifacts.ts');
      await printed((artifacts) => lineageOf(artifacts, digest));
    });

  stored
    .command('prune')
    .description('remove what is old and needed no more; what is served and what last runs ended with stays')
    .requiredOption('--days <count>', 'nothing that was stored in the last so many days is removed', countOf)
    .option('--dry-run', 'only say how much it would be', false)
    .action(async ({ days, dryRun }: { days: number; dryRun: boolean }) => {
      const { pruneArtifacts } = await import('./artifacts.ts');
      const { runsUnderWay } = await import('./operator.ts');
      const running = await runsUnderWay();
      await printed((artifacts) => pruneArtifacts(artifacts, { days, dryRun, running }));
    });
}
