/** Every workflow, for the bundle. A workflow's name is its type in Temporal; a stage that runs as a workflow has the stage's name. */
export { paper } from './paper.ts';
export { pipeline } from './pipeline.ts';
export { promote } from './promote.ts';
export { student } from './student.ts';
export { capacityArm, sweep } from './sweep.ts';
export { teacher } from './teacher.ts';
