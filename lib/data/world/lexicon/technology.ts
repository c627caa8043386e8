import { topic } from './topic.ts';

export const gadgets = topic({
  id: 'gadgets',
  register: 'technology',
  link: 'for',
  entities: `
    the Pixelon Nine = the P9 phone
    the Aerotab Pro = the thin tablet
    the Orbit Watch = the O-series wearable
    the Nimbus Book = the featherweight laptop
    the Sonido Buds Max = the wireless earbuds
    the Vista Visor = the VR headset
    the Zenith Fold = the folding phone
    the Hearth Speaker = the talking speaker
    the Swift drone = the pocket quadcopter
    the Corebox console = the CBX
    the Lumen camera = the mirrorless shooter
    the Papyra reader = the e-ink tablet
    + the Halo Ring = the sleep tracker`,
  aspects: `
    hands-on reviews / of
    {e} tested: a month of daily use | {e} impresses in first hands-on | Small flaws hold {e} back in long-term test
    first impressions | a long-term test
    worth it | review | vs last years
    price cuts
    {e} drops to lowest price yet | Trade-in deal takes half off {e} | Retailers slash {e} before successor lands
    a trade-in deal | a holiday discount
    cheapest | deals | student discount
    battery problems / with
    Owners of {e} report swollen batteries | {e} recall follows overheating complaints | Maker of {e} admits charging fault
    overheating complaints | a charging fault
    wont charge | dies fast | battery replacement
    software updates
    Update brings satellite messaging to {e} | Buggy update leaves {e} stuck at startup | {e} gets five more years of support
    a buggy update | longer support
    how to update | update stuck | new features
    leaked designs / of
    Leaked drawings show next {b} without buttons | Prototype of {e} turns up in cafe | Supplier photos hint at cheaper {b}
    a lost prototype | supplier photos
    next model | release date | rumor
    privacy concerns / about
    Researchers catch {e} sending voice clips abroad | Flaw lets strangers unlock {e} | {e} tracking draws scrutiny in Europe
    a security flaw | silent tracking
    is it listening | turn off tracking | hacked
    supply shortages / of
    {e} sells out in eleven minutes | Factory fire delays {e} shipments | Resellers triple price of {e}
    empty shelves | a factory fire
    in stock | where to buy | restock`,
});

export const cars = topic({
  id: 'cars',
  register: 'technology',
  link: 'for',
  entities: `
    the Falcon pickup = the half-ton hauler
    the Volta sedan = the VS electric
    the Caribou SUV = the seven-seat Caribou
    the Stallion coupe = the pony car
    the Terra wagon = the adventure wagon
    the Pip hatchback = the tiny commuter
    the Odeon minivan = the school-run van
    the Comet hybrid = the 60-mpg hybrid
    the Bronx off-roader = the boxy four-by-four
    the Apex supercar = the V12 flagship
    the Luna crossover = the compact family crossover
    the Anvil motorcycle = the big cruiser bike
    + the Kite microcar = the three-wheeled EV`,
  aspects: `
    road tests / of
    {e} shines on mountain roads | {e} loses comparison to cheaper rival | 20,000 miles in {e} expose weak brakes
    a track comparison | a 20,000-mile verdict
    test drive | mpg | is it reliable
    safety defects / in
    {e} recalled over faulty airbags | Crash tests downgrade {e} | Steering failures in {e} prompt federal inquiry
    faulty airbags | a failed crash test
    recall lookup | crash rating | airbag
    model redesigns / of
    Redesigned {b} debuts with bolder face | Spy photos reveal longer {b} | Concept hints at roofless {b}
    a bolder grille | a striking concept
    new model | photos | interior
    sales incentives
    Dealers pile discounts on unsold {b} | Deliveries of {e} plunge in third quarter | Factory building {e} goes idle for a month
    unsold inventory | zero-percent financing
    lease deals | rebates | msrp
    self-driving tests / in
    {e} drives itself across three states | Hands-free system in {e} faulted after crash | Robotaxi version of {e} hits city streets
    a hands-free system | a robotaxi pilot
    autopilot | driver assist | can it park itself
    charging upgrades
    New battery adds 100 miles to {e} | {e} gains access to rival charger network | Plant for {e} battery packs breaks ground
    a longer-range battery | a rival charger network
    range | charging stations | how long to charge
    collector auctions / of
    First {b} ever built sells for seven figures | Barn find brings early {b} back to life | Museum gives up rare {b}
    a barn-find example | a seven-figure sale
    used value | for sale | how many made`,
});

export const science = topic({
  id: 'science',
  register: 'technology',
  link: 'about',
  entities: `
    the Ares rover = the red planet robot
    the Selene lunar base = the moon program
    black holes = the event horizon
    coral reefs = the undersea gardens
    Antarctic ice = the polar sheet
    ancient Rome = the Roman ruins
    the giant squid = deep-sea monsters
    quantum computers = qubit machines
    tyrannosaur fossils = dinosaur bones
    the human genome = our DNA
    Mount Kessler = the waking volcano
    solar storms = the northern lights
    + the Vesper probe = the Venus mission`,
  aspects: `
    surprise discoveries
    Chance find rewrites what we know about {e} | Student spots oddity in old data on {e} | Strange signal deepens mystery around {e}
    a chance find | an odd signal
    facts | what did they find | mystery
    funding cuts / for
    Budget plan guts research on {e} | Scientists studying {e} face layoffs | Private donor rescues work on {e}
    a gutted budget | a private donor
    grants | jobs | space budget
    documentary films
    Stunning new film brings {e} to big screen | Ten-year shoot captures {e} as never before | Director of film on {e} answers critics
    a ten-year shoot | a wide-screen spectacle
    documentary | where to watch | narrator
    research rivalries / over
    Rival nations race to lead work on {e} | Secrecy dispute splits international team behind {e} | Data pact opens closed archives on {e}
    a secrecy dispute | a data sharing pact
    which country is first | collaboration | who is ahead
    lab breakthroughs / on
    AI helps crack stubborn puzzle of {e} | Tabletop experiment recreates {e} | Sharper sensor opens window on {e}
    a tabletop experiment | a sharper sensor
    how does it work | explained | for kids
    field expeditions / to study
    Crew sets out on 90-day voyage to study {e} | Drone swarm maps {e} in hours | Storm cuts short expedition devoted to {e}
    a 90-day voyage | a drone survey
    expedition map | team | live cam
    museum exhibits / on
    Touring exhibit puts {e} within reach | Museum reopens wing devoted to {e} | Virtual tour lets visitors walk through {e}
    a touring exhibit | a new museum wing
    museum | tickets | field trip`,
});
