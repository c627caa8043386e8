#!/usr/bin/env node
/** The command line. Each command is a file of this folder, loaded when it is called. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { countOf, hoursOf } from './arguments.ts';
import { artifactCommands } from './artifact-commands.ts';
import { colors as pc } from './colors.ts';
import { outFolder } from '../infra/environment.ts';
import { NewshoundError } from '../lib/errors.ts';
import { createDisplay } from './display.ts';
import { printed } from './store.ts';
import { printable } from './table.ts';
import { Interrupted } from './interrupted.ts';

const program = new Command('newshound')
  .description('Learns what a news reader needs: trains, distils, tests and serves a model that writes news queries')
  .option('--config <file>', 'the pipelines and profiles', 'pipelines.yaml')
  .option('--debug', 'show the stack of an error')
  .showSuggestionAfterError()
  .showHelpAfterError('(newshound --help tells what there is)');

const set = new Option('--set <section.key=value>', 'a setting over the profile; may be repeated')
  .argParser((word: string, words: string[]) => [...words, word])
  .default([] as string[], 'none');

program
  .command('run')
  .description('run a pipeline, with everything it needs, to its end')
  .argument('<pipeline>', 'its name in pipelines.yaml')
  .option('--profile <name>', 'sizes and settings; default: the pipeline’s own')
  .addOption(set)
  .option('--no-workers', 'start no workers: others, elsewhere, do the work')
  .action(async (pipeline: string, options: { profile?: string; set: string[]; workers: boolean }) => {
    const { run } = await import('./run.ts');
    await run(
      pipeline,
      { config: config(), profile: options.profile ?? null, set: options.set, workers: options.workers },
      createDisplay(process.stdout),
    );
  });

program
  .command('paper')
  .description('measure every claim of the paper again, by arms that are compared, and write the page about them')
  .option('--profile <name>', 'sizes and settings; default: the pipeline’s own')
  .addOption(set)
  .option(
    '--hours <count>',
    'of work; kept by leaving out seeds down to two, readers, optional arms, and then the second seed, without which no claim can be told',
    hoursOf,
  )
  .option(
    '--to <folder>',
    'where to write paper.md and its plots; default: docs where nothing is set, else the output folder',
  )
  .option('--no-workers', 'start no workers: others, elsewhere, do the work')
  .action(async (options: { profile?: string; set: string[]; hours?: number; to?: string; workers: boolean }) => {
    const { paper } = await import('./paper.ts');
    const { profile = null, hours = null, to = null, set: words, workers } = options;
    await paper({ config: config(), profile, set: words, hours, to, workers }, createDisplay(process.stdout));
  });

program
  .command('up')
  .description('keep servers and workers running until Ctrl-C: schedules fire, runs started elsewhere are worked on')
  .action(async () => (await import('./up.ts')).up(createDisplay(process.stdout)));

program
  .command('down')
  .description('stop the newshound that runs in this folder')
  .action(async () => (await import('./up.ts')).down(createDisplay(process.stdout)));

program
  .command('status')
  .description('what runs here, and how far it is')
  .action(async () => (await import('./status.ts')).status(createDisplay(process.stdout)));

program
  .command('config')
  .description('every setting with its type, default and meaning; the pipelines and profiles')
  .argument('[section]', 'one section or setting only')
  .action(async (section?: string) => {
    const { settingsText } = await import('./settings.ts');
    process.stdout.write(`${settingsText(config(), section ?? null)}\n`);
  });

program
  .command('recommend')
  .description('a reader’s signals, the student’s queries, and the articles they recall')
  .requiredOption('--reader <id>', 'id of the reader')
  .option('--pipeline <name>', 'of its last finished run', 'nightly')
  .option('--profile <name>', 'of that run; default: the pipeline’s own')
  .option('--articles <count>', 'how many', countOf, 10)
  .action(async (options: { reader: string; pipeline: string; profile?: string; articles: number }) => {
    const { createPlan, loadConfig } = await import('../lib/pipeline/config.ts');
    const { recommend } = await import('./recommend.ts');
    const plan = createPlan(loadConfig(config()), {
      pipeline: options.pipeline,
      profile: options.profile ?? null,
      set: [],
    });
    const { pipeline, profile, settings } = plan;
    const question = {
      pipeline,
      profile,
      rollout: settings.teacher.rollout,
      readerId: options.reader,
      articles: options.articles,
    };
    await printed((artifacts) => recommend(artifacts, question));
  });

program
  .command('serve')
  .description('the recall server of what is promoted, until Ctrl-C: follows every promotion and rollback')
  .option('--port <port>', 'default: NEWSHOUND_RECALL_PORT, or 8088')
  .option('--host <address>', 'default: NEWSHOUND_RECALL_HOST, or 127.0.0.1')
  .action(async ({ port, host }: { port?: string; host?: string }) => {
    const { serve } = await import('./serve.ts');
    await serve({ port: port ?? null, host: host ?? null }, createDisplay(process.stdout));
  });

program
  .command('revert')
  .description('serve again what was served before the last promotion')
  .option('--to <version>', 'version to serve again; default: the one before', countOf)
  .action(async ({ to }: { to?: number }) => {
    const { revert } = await import('./revert.ts');
    await printed((artifacts) => revert(artifacts, to ?? null));
  });

program
  .command('report')
  .description('the last run’s results, and where its report is')
  .action(async () => {
    const { lastReport } = await import('./last-report.ts');
    process.stdout.write(`${printable(lastReport(outFolder(process.env)))}\n`);
  });

program
  .command('pretrain')
  .description('train the committed base models again (about ten hours of a core)')
  .argument('[model...]', 'these only')
  .option('--folder <folder>', 'where to write them', 'models')
  .option('--threads <count>', 'of ONNX Runtime', countOf, availableParallelism())
  .option(
    '--more',
    'only the phases that models/pretrained.json does not have yet, from the models that are there',
    false,
  )
  .action(async (models: string[], options: { folder: string; threads: number; more: boolean }) => {
    const { pretrainModels } = await import('./pretrain.ts');
    await pretrainModels(models, options.folder, options, createDisplay(process.stdout).line);
  });

program
  .command('fetch-model')
  .description(
    'fetch a model from the Hugging Face hub, to be named as teacher or student; goes on with what was begun',
  )
  .argument('<model>', 'OWNER/NAME')
  .option('--folder <folder>', 'where to; default: NAME')
  .option('--revision <revision>', 'branch, tag or commit', 'main')
  .action(async (model: string, options: { folder?: string; revision: string }) => {
    const { fetchInto } = await import('./fetch-model.ts');
    await fetchInto(model, options, process.env, createDisplay(process.stdout).line);
  });

program
  .command('doctor')
  .description('check that everything is there that a run needs')
  .action(async () => {
    const { doctor } = await import('./doctor.ts');
    if (!(await doctor(createDisplay(process.stdout)))) process.exitCode = 1;
  });

program
  .command('schedule')
  .description('run a pipeline by the clock, by its schedule in pipelines.yaml or --cron; replaces its schedule')
  .argument('<pipeline>', 'its name in pipelines.yaml')
  .option('--profile <name>', 'sizes and settings; default: the pipeline’s own')
  .addOption(set)
  .option('--cron <line>', 'when, in UTC: "0 3 * * *"')
  .option('--off', 'delete the schedule')
  .action(async (pipeline: string, options: { profile?: string; set: string[]; cron?: string; off?: boolean }) => {
    const { createSchedule, removeSchedule } = await import('./operator.ts');
    const request = {
      config: config(),
      pipeline,
      profile: options.profile ?? null,
      set: options.set,
      cron: options.cron ?? null,
    };
    process.stdout.write(`${await (options.off ? removeSchedule(request) : createSchedule(request))}\n`);
  });

operator('hold', 'start nothing new in the pipelines that run', 'pipeline', 'hold');
operator('resume', 'go on after a hold', 'pipeline', 'resume');
operator('promote', 'approve the student of the A/B test that awaits a decision', 'promote', 'decide', {
  decision: 'approve',
});
operator('reject', 'refuse the student of the A/B test that awaits a decision', 'promote', 'decide', {
  decision: 'reject',
});
operator('rollback', 'end the A/B test that runs, and keep what is served', 'promote', 'rollback');

artifactCommands(program.command('artifacts').description('look into the artifact store, and free it'));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
  if (!(error instanceof Interrupted)) process.stderr.write(`${pc.red('newshound:')} ${printable(message(error))}\n`);
}
// Everything that was started has been stopped; connections to Temporal are still open.
process.exit();

function config(): string {
  return program.opts<{ config: string }>().config;
}

function operator(
  name: string,
  description: string,
  what: 'pipeline' | 'promote',
  update: string,
  more: object = {},
): void {
  program
    .command(name)
    .description(description)
    .argument('[id]', 'of this workflow only; default: of all that run')
    .option('--by <name>', 'who says so; default: the user')
    .option('--reason <text>', 'why')
    .action(async (id: string | undefined, { by, reason }: { by?: string; reason?: string }) => {
      const { tell } = await import('./operator.ts');
      const answers = await tell(what, update, { id: id ?? null, by: by ?? null, reason: reason ?? null }, more);
      process.stdout.write(`${answers.join('\n')}\n`);
    });
}

/** An error of newshound's own is its message; anything else is a bug, shown with its stack. */
function message(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = error instanceof NewshoundError;
  return expected && !program.opts<{ debug?: boolean }>().debug ? error.message : chain(error);
}

function chain(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${chain(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
