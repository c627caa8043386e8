import { topic } from './topic.ts';

export const weather = topic({
  id: 'weather',
  register: 'public',
  link: 'along',
  entities: `
    the Outer Banks = OBX
    the Gulf Coast = the Gulf shore
    Puget Sound = the Sound
    the Red River Valley = Fargo country
    Cape Ann = the North Shore
    the Sierra foothills = gold country
    the Florida Keys = the Conch islands
    Lake Superior = the north woods
    the Sonoran Desert = Arizona low country
    the Front Range = the Rockies
    the Ohio River = the tri-state
    the Texas Panhandle = the High Plains
    + the Tidewater = Hampton Roads`,
  aspects: `
    storm surge
    Storm surge forces evacuations along {e} | Hurricane churns toward {e} with 110 mph winds | Seawalls fail as landfall nears {e}
    evacuation orders | hurricane landfall
    evac zone | hurricane path | how high will water get
    wildfire smoke
    Wildfire smoke blankets towns along {e} | Crews gain ground on blaze near {e} | Wind-driven fire jumps containment line near {e}
    hazardous air | a fast-moving blaze
    fire map | air quality today | how close is the fire
    heavy snow
    Blizzard shuts highways across {e} | Two feet of snow bury {e} | Winter storm watch posted for {e}
    whiteout conditions | stranded drivers
    snow totals | school closings | chains required
    extreme heat
    Heat wave pushes {e} past all-time record | Power grid strains in baking heat across {e} | Cities open cooling shelters across {e}
    triple-digit temperatures | rolling blackouts
    how hot | heat index | cooling centers
    flash floods
    Flash floods sweep away cars near {e} | River crests two feet above flood stage near {e} | Levee breach swamps farms along {e}
    washed-out roads | swollen creeks
    flood map | road closures | sandbags where
    tornado damage
    Tornado tears roofs from homes near {e} | Sirens sound as twisters cross {e} | Survey teams rate tornado near {e} as EF3
    flattened homes | a rare nighttime outbreak
    twister warning | radar | tornado shelter
    drought limits
    Drought forces lawn watering ban across {e} | Reservoirs shrink to record low near {e} | Farmers along {e} abandon parched fields
    water rationing | failing crops
    water restrictions | will it rain | lake level`,
});

export const politics = topic({
  id: 'politics',
  register: 'public',
  link: 'around',
  entities: `
    Senator Whitlock = Iron Maggie
    Governor Amara = the Lakeside reformer
    Mayor Delgado = Mayor Danny
    President Hale = the Hale administration
    Justice Corwin = the swing justice
    Secretary Boone = the Treasury chief
    Congresswoman Lin = Rep Lin
    Governor Stokes = Big Jim
    Senator Pryce = the Dakota maverick
    Speaker Ramsey = the House leader
    Premier Laurent = Madame Laurent
    Chancellor Vogt = the iron chancellor
    + Senator-elect Okoye = the youngest senator`,
  aspects: `
    election polls
    {e} opens narrow lead in swing state survey | Support for {e} slips among young voters | New survey shows {e} tied with challenger
    a tightening race | undecided voters
    whos winning | approval rating | can {e} win
    impeachment hearings
    House panel votes to open inquiry into {e} | Former aide testifies against {e} | Senators weigh evidence against {e}
    sworn testimony | an inquiry vote
    impeach | hearing live stream | will {e} be removed
    tax plans
    {e} pitches tax cut for middle class | Budget standoff over {e} tax overhaul drags on | {e} defends higher levy on big estates
    a budget standoff | a middle-class tax cut
    my taxes | tax brackets | will i pay more
    border policy
    {e} signs order limiting asylum claims | {e} visits border crossing as numbers climb | Judge halts visa limits backed by {e}
    new asylum limits | visa caps
    immigration | visa | asylum rules
    campaign rallies
    {e} draws thousands to rain-soaked rally | {e} raises record sum at donor dinner | Campaign chief for {e} quits before debate
    a donor dinner | a campaign shakeup
    rally schedule | donate | {e} speech tonight
    gun laws
    {e} backs background checks after school shooting | {e} vetoes ban on assault weapons | Sheriffs defy gun bill signed by {e}
    background checks | an assault weapons ban
    concealed carry | background check bill | {e} on guns
    ethics scandals
    Leaked emails put {e} on the defensive | Ethics panel fines {e} over gifts | Allies of {e} call for resignation
    leaked emails | undisclosed gifts
    scandal | what did {e} do | resign`,
});

export const crime = topic({
  id: 'crime',
  register: 'public',
  link: 'in',
  entities: `
    the Harborview heist = the diamond job
    the Collins trial = the pool house murder
    the Ridgeview kidnapping = the missing twins case
    the Delta cartel bust = the drug ring case
    the Lake Hollow cold case = the Jane Doe mystery
    the Bayside shooting = the boardwalk attack
    the Renwick forgery ring = the fake paintings case
    the Stonegate prison break = the escaped inmates hunt
    the Millbrook arson spree = the firebug case
    the Cardwell identity thefts = the stolen numbers case
    the Saint Alban hospital deaths = the nurse poisoning case
    the Northline rail attack = the station bombing
    + the Pinecrest hoax = the fake hostage calls`,
  aspects: `
    fresh arrests
    Police arrest third suspect in {e} | Manhunt ends with dawn raid in {e} | Brother of main suspect charged in {e}
    a dawn raid | a suspect in custody
    mugshot | who did it | did they catch him
    court verdicts
    Jury convicts former partner in {e} | Judge hands down 30-year sentence in {e} | Guilty plea stuns courtroom in {e}
    a guilty plea | a long sentence
    sentence | how many years | court date
    forensic evidence
    DNA match reopens {e} | Investigators recover hidden phone in {e} | Lab error clouds prints in {e}
    a DNA match | a recovered phone
    dna | autopsy | footage
    grieving families
    Parents hold vigil one year after {e} | Relatives of victims in {e} sue the county | Widow in {e} forgives killer
    a candlelight vigil | a wrongful death suit
    victims names | fundraiser | memorial
    police failings
    Review faults slow response in {e} | Detective suspended over {e} | Chief apologizes for missed tips in {e}
    missed tips | an internal review
    body cam | scanner | why so slow
    true crime podcasts / about
    New podcast revisits {e} | Streaming series on {e} divides town | Reporter retraces {e} in eight episodes
    a streaming series | a reporter's new book
    podcast | documentary | episodes
    copycat fears / after
    Schools lock down over copycat threat after {e} | Shops add guards in wake of {e} | Teens charged with imitating {e}
    a copycat threat | tighter security
    is it safe | crime map | similar cases`,
});
