import { topic } from './topic.ts';

export const celebrities = topic({
  id: 'celebrities',
  register: 'culture',
  link: 'for',
  entities: `
    Ava Sinclair = the Velvet Hour star
    Marco Delane = Marco D
    June Harlow = Junebug
    Tyson Brandt = Big T
    Lila Monrose = Lady Lila
    Dex Carver = DXC
    Princess Elodie = the Arden princess
    Rico Valdane = King Rico
    Nora Quill = the Quillster
    Jasper Stone = the Iron Ranger actor
    Mia Lavelle = La Lavelle
    Prince Adrian = the rebel royal
    + Zadie Flint = the Copper Sky singer`,
  aspects: `
    wedding plans
    {e} marries in secret seaside ceremony | {e} shows off engagement ring | Guest list leaks for {b} wedding
    a secret ceremony | an engagement ring
    married to | dress | who is {e} marrying
    divorce filings
    {e} and spouse split after six years | {e} seeks joint custody in court papers | Prenup battle looms for {e}
    a custody dispute | a messy split
    split | ex | prenup
    red carpet looks
    {e} stuns in vintage gown at gala | {e} turns heads with daring cape | Stylist explains silver suit worn by {e}
    a vintage gown | a best-dressed list
    outfit | dress designer | hair
    new albums / from
    {e} drops surprise single at midnight | {e} announces stadium tour and first record in four years | Duet sends {e} to top of charts
    a surprise single | a stadium tour
    songs | tour tickets | presale code
    baby news
    {e} reveals pregnancy on magazine cover | {e} welcomes twins | First photos show {e} with newborn
    a newborn | a baby shower
    pregnant | kids names | due date
    public feuds / involving
    {e} fires back at former bandmate | {e} apologizes after backstage outburst | Old rivalry between {e} and co-star flares online
    a public spat | an online apology
    beef | drama | what did {e} say
    mansion sales
    {e} lists hilltop estate for $30 million | {e} buys beach house next to old flame | Tour the ranch where {e} hides from cameras
    a hilltop estate | a beach house
    house | net worth | where does {e} live`,
});

export const television = topic({
  id: 'television',
  register: 'culture',
  link: 'on',
  entities: `
    Harbor Lights = the lighthouse drama
    Crown of Ash = the throne saga
    The Long Winter = the arctic thriller
    Neon District = the cyber cop series
    Galaxy Wardens = the space ranger show
    Baker Street Kids = the kid detectives
    Midnight Court = the judge sitcom
    Island Survivors = the castaway contest
    Silver Detective = the retired sleuth
    Kitchen Clash = the chef battle
    Ghost County = the haunted sheriff series
    Love Lottery = the dating show
    + Orchid House = the greenhouse mystery`,
  aspects: `
    season finales
    {e} ends season with shocking death | Finale of {e} draws biggest audience in years | Writers defend cliffhanger on {e}
    a shocking death | a cliffhanger
    ending explained | last episode | did they die
    casting news
    Film veteran joins {e} as new villain | Original lead walks away from {e} | {e} recasts beloved role
    a new villain | a beloved lead's exit
    who plays | new actor | why did she leave
    renewal decisions
    Network orders two more seasons of {e} | {e} canceled after steep ratings slide | Spinoff of {e} gets green light
    a cancellation | a spinoff
    is it canceled | next season date | how many seasons
    teaser trailers / for
    First trailer for {e} hints at time jump | {e} teaser hides clue in final frame | Leaked footage from {e} sends viewers hunting
    a hidden clue | leaked footage
    watch trailer | teaser | release date
    award nominations / for
    {e} leads field with 14 nominations | Voters snub {b} star again | {e} sweeps craft prizes
    a best actress race | an awards snub
    award show | nominees | did it win
    set secrets / from
    Crew of {e} recalls freezing night shoots | Showrunner of {e} reveals scrapped storyline | Storm halts filming of {e}
    a scrapped storyline | a production delay
    where is it filmed | bloopers | behind the scenes
    episode recaps / of
    {e} brings back fan favorite in midseason twist | Wedding goes wrong on {e} | Ten details you missed on {e}
    a midseason twist | the week's best line
    spoilers | what happened | episode 6`,
});

export const games = topic({
  id: 'games',
  register: 'culture',
  link: 'in',
  entities: `
    Dragon Saga = Saga Seven
    Star Corsairs = the space pirate shooter
    Block Builder = Blocky
    Street Legends = SL Brawl
    Zombie Harvest = ZHarvest
    King of Pitch = KoP soccer
    Battle Valley = BV Royale
    Pocket Beasts = the beasts app
    Shadow Ninja = the stealth classic
    Comet Racers = CRacers
    Farm Days = the farming sim
    Mech Front = MF Tactics
    + Lantern Deep = the cave explorer`,
  aspects: `
    balance patches
    {e} update weakens dominant weapon | Emergency hotfix calms {e} players | Developers of {e} reverse unpopular changes
    an emergency hotfix | a weakened weapon
    patch notes | nerf | update size
    esports finals
    Underdogs lift {e} world trophy | Sold-out arena hosts {e} grand final | {e} prize pool tops $10 million
    an underdog champion | a record prize pool
    bracket | stream | tournament winner
    launch delays / for
    {e} slips to next spring | Studio behind {e} promises no crunch | Early access for {e} opens this week
    a new release window | an early access test
    when does it come out | preorder | beta key
    hidden quests
    Players find secret ending in {e} | Ten-year-old riddle in {e} finally solved | Data miners uncover lost level in {e}
    a secret ending | a lost level
    walkthrough | guide | how to unlock
    cheating bans
    {e} bans 90,000 accounts in one night | Star streamer caught cheating in {e} | New anti-cheat tool for {e} angers modders
    a ban wave | an anti-cheat tool
    banned | cheats | aimbot
    new characters
    {e} adds first playable villain | Expansion brings three heroes to {e} | Skins leak ahead of {b} anniversary
    a playable villain | an anniversary event
    tier list | best character | skins
    loot boxes
    Regulators question paid crates in {e} | {e} drops random packs after backlash | Parents sue over in-game spending on {e}
    in-game spending | a refund offer
    free coins | codes | refund`,
});
