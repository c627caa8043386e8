import { topic } from './topic.ts';

/** Teams take plural verbs, as sports pages write them. */
export const football = topic({
  id: 'football',
  register: 'sport',
  link: 'for',
  entities: `
    the Denver Bighorns = the Horns
    the Boston Harbormen = the Harbor Crew
    the Seattle Kestrels = the Birds
    the Miami Stormriders = the Riders
    the Chicago Ironmen = the Iron Eleven
    the Dallas Longhaulers = the Haulers
    the Phoenix Scorpions = the Stingers
    the Atlanta Foxes = the Red Tails
    the Portland Lumberjacks = the Jacks
    the Memphis Monarchs = the Monarchs
    the Detroit Engines = the Motor Squad
    the Houston Derricks = the Rigs
    + the Omaha Plainsmen = the Plainsmen`,
  aspects: `
    injury updates
    {e} lose star quarterback to knee injury | {e} list six starters as doubtful | {e} get key lineman back from injured reserve
    a crowded injured list | the latest medical report
    whos hurt | injured players list | is the qb playing sunday
    trade rumors / around
    {e} explore blockbuster trade for veteran receiver | {e} swap draft capital for pass rusher | Rival general managers call {e} before the deadline
    deadline deal talks | a possible roster shakeup
    trade | who did they sign | trade targets
    draft picks
    {e} move up to grab college quarterback | {e} stockpile prospects on opening night | Scouts link {e} with a local linebacker
    a deep rookie class | mock draft projections
    rookies | mock draft | who will they take first round
    playoff hopes
    {e} keep postseason dream alive | {e} need help to reach the wild card round | Late field goal lifts {e} into the final seed
    the wild card chase | a brutal closing schedule
    playoff standings | seed scenarios | can they still make it
    coaching changes
    {e} fire head coach after losing streak | {e} hand play calling to young coordinator | {e} interview three candidates for top job
    a coach on the hot seat | the search for a new head coach
    new coach | coach fired | who is the coordinator
    comeback wins
    {e} rally from 17 down to win in overtime | {e} stun division rivals with last-second touchdown | {e} erase halftime deficit behind backup passer
    an overtime thriller | the fourth-quarter surge
    final score | highlights | box score
    contract talks
    {e} and star cornerback agree to extension | {e} place franchise tag on holdout tackle | {e} clear cap room for record deal
    a holdout over guaranteed money | the salary cap squeeze
    player salary | cap space | how much does he make`,
});

/** Clubs take plural verbs too. */
export const soccer = topic({
  id: 'soccer',
  register: 'sport',
  link: 'at',
  entities: `
    Northfield United = the Millers
    Royal Albion = the Crowns
    Athletic Verona = the Balcony Boys
    Sporting Lagos = the Lagoon Eagles
    Dynamo Volga = the Engineers
    Porto Azul = the Sailors
    Real Mirador = the Watchmen
    Inter Bergen = the Fjordmen
    Racing Calais = the Channel Lions
    FC Helvetia = the Alpine Reds
    Olympic Marina = the Divers
    Ashdown Rovers = the Foresters
    + Union Solvik = the Icebreakers`,
  aspects: `
    transfer news
    {e} agree record fee for teenage winger | {e} open loan talks over unsettled midfielder | {e} reject late bid for club captain
    a record signing | a late loan move
    transfers | new signing | who are they buying
    cup ties / for
    {e} draw holders in cup semifinal | {e} survive penalty shootout to reach last eight | Non-league minnows knock {e} out of cup
    a tricky knockout draw | a penalty shootout
    cup fixtures | cup schedule | cup draw date
    managerial changes
    {e} sack manager after five straight defeats | {e} appoint interim boss until summer | Fans turn on manager as {e} slump again
    a manager under pressure | an interim boss
    next manager | manager odds | who is in charge of {e}
    relegation fears
    {e} sink into bottom three after home loss | {e} grab lifeline with scrappy draw | Points deduction leaves {e} staring at the drop
    a survival fight | the bottom of the table
    league table | points needed | will they go down
    goal records
    {e} striker hits hat trick in derby rout | Late header hands {e} striker his 30th goal | {e} forward breaks 60-year scoring mark
    a hat trick hero | a scoring streak
    top scorer | goals video | how many has he scored
    stadium plans
    {e} win approval for 60,000-seat ground | {e} raise season ticket prices again | Residents fight expansion of {e} ground
    a bigger ground | steep season ticket prices
    seat map | tickets | new ground capacity
    refereeing rows
    {e} fume over disputed penalty | Video review denies {e} stoppage-time winner | {e} appeal red card shown to defender
    a video review dispute | a red card appeal
    was it a penalty | red card | var decision`,
});
