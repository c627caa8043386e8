import { topic } from './topic.ts';

export const health = topic({
  id: 'health',
  register: 'health',
  link: 'for',
  entities: `
    type 2 diabetes = high blood sugar
    migraine = throbbing headaches
    knee arthritis = sore knees
    hypertension = high blood pressure
    sleep apnea = heavy snoring
    influenza = the flu
    anxiety disorder = panic attacks
    heart failure = a weak heart
    melanoma = skin cancer
    sciatica = lower back pain
    celiac disease = gluten trouble
    alopecia = hair loss
    + long-haul tinnitus = ringing ears`,
  aspects: `
    drug trials
    New pill for {e} shows promise in late trial | Regulators approve first drug of its kind for {e} | Injection cuts flare-ups of {e} by half
    a weekly injection | late-stage trial results
    medication | side effects | new pill
    diet advice
    Dietitians rethink the menu for {e} | Mediterranean eating linked to lower risk of {e} | Cutting salt helps people with {e}
    an anti-inflammatory menu | foods that may help
    what to eat | foods to avoid | meal plan
    exercise routines
    Daily walks ease {e} in large study | Physical therapists share gentle moves for {e} | Ten minutes of stretching may help with {e}
    a simple stretching plan | low-impact workouts
    stretches | can i work out | best exercises
    warning signs
    Doctors urge patients not to ignore early signs of {e} | Young adults miss first symptoms of {e} | Blood test may flag {e} years earlier
    easily missed symptoms | earlier screening
    symptoms | do i have {e} | when to see doctor
    treatment costs
    Insurers deny coverage for {e} | Families face soaring bills for {e} | Cheaper generic arrives for people with {e}
    surprise medical bills | a lower copay
    cost without insurance | coupon | is it covered
    genetic research
    Scientists find gene variant behind {e} | Twin study sheds light on {e} | DNA map opens new path to treat {e}
    inherited risk | a gene discovery
    is it hereditary | causes | runs in family
    patient stories
    Mother of three speaks out about {e} | Former athlete describes life with {e} | Nurse turns own battle with {e} into book
    a long road to diagnosis | life after treatment
    support group | forum | living with {e}`,
});

export const food = topic({
  id: 'food',
  register: 'living',
  link: 'for',
  entities: `
    sourdough bread = tangy loaves
    pressure cooker dinners = one-pot meals
    vegan burgers = plant-based patties
    roast turkey = holiday poultry
    ramen noodles = tonkotsu bowls
    chocolate cake = cocoa layer desserts
    keto snacks = low-carb bites
    craft beer = hazy IPA
    cold brew coffee = iced joe
    street tacos = taqueria plates
    barbecue ribs = smoked meat
    apple pie = orchard pastries
    + ube cheesecake = purple yam desserts`,
  aspects: `
    easy recipes
    A five-ingredient take on {e} | Weeknight shortcuts turn out better {e} | Make-ahead trick for {e} saves an hour
    a weeknight shortcut | five pantry ingredients
    how to make | recipe | for two people
    restaurant openings / built around
    New downtown spot bets big on {e} | Lines wrap the block for {e} at pop-up kitchen | Star chef returns home to serve {e}
    a pop-up kitchen | a downtown newcomer
    near me | best places | open late
    safety recalls
    Listeria fears pull {e} from store shelves | Maker of {e} widens contamination recall | Metal pieces found in popular brand of {e}
    a listeria warning | a contamination scare
    recalled | safe to eat | which brands
    taste tests
    We ranked 12 supermarket versions of {e} | Budget brand of {e} wins blind tasting | Judges crown the best {e} in the country
    a blind tasting | a budget winner
    best brand | ranking | worth buying
    chef secrets
    Why chefs salt {e} twice | Pro trick gives {e} a crisp finish | Pastry school teacher shares the key to perfect {e}
    a restaurant trick | the right pan
    tips | secret ingredient | why is mine soggy
    rising prices
    Poor harvest sends cost of {e} soaring | Shoppers cut back on {e} as bills grow | Shortage leaves shelves bare of {e}
    a poor harvest | bare shelves
    why so expensive | cost | shortage
    nutrition facts
    Dietitians weigh in on {e} | Label change reveals hidden sugar in {e} | Study links {e} to lower cholesterol
    hidden sugar | a new food label
    calories | healthy or not | protein in {e}`,
});

export const travel = topic({
  id: 'travel',
  register: 'living',
  link: 'in',
  entities: `
    Iceland = the Reykjavik area
    Kyoto = Japan's temple city
    Costa Rica = the cloud forest
    Santorini = the Greek islands
    Banff = the Canadian Rockies
    Lisbon = the Portuguese capital
    Maui = the Valley Isle
    Patagonia = the Torres peaks
    Marrakech = Morocco's red city
    New Orleans = the Crescent City
    Edinburgh = Scotland's capital
    Bali = the Ubud rice terraces
    + Raja Ampat = the Papua coral islands`,
  aspects: `
    cheap flights / to
    Budget carrier adds nonstop route to {e} | Fare war drops tickets to {e} below $200 | Points travelers find sweet spot for {e}
    a fare war | a new nonstop route
    airfare | tickets | cheapest month to fly
    luxury hotels
    Former palace reopens as boutique hotel in {e} | Five-star resort in {e} cuts winter rates | Treehouse suites bring high style to {e}
    a restored palace | a five-star retreat
    where to stay | resort | suites with view
    hiking trails
    Long-closed path to waterfalls reopens in {e} | Three-day trek shows off quiet side of {e} | Rangers in {e} limit permits on favorite trek
    a three-day trek | hidden waterfalls
    hikes | trail map | permit
    safety warnings / for
    State Department raises alert level for {e} | Pickpocket gangs target visitors in {e} | Tourists stranded as strike hits {e}
    a higher alert level | stranded tourists
    is {e} safe | advisory | crime
    local cuisine
    Night market stalls put {e} on the food map | Grandmothers keep old recipes alive in {e} | Eating well for $20 a day in {e}
    a night market | dishes to order first
    where to eat | best restaurants | street food
    overtourism rules
    {e} to charge day visitors an entry tax | Locals march against crowds in {e} | Caps on daily visitors take hold in {e}
    a visitor cap | a new entry tax
    entry fee | too crowded | best time to visit
    cruise stops
    Bigger ships drop {e} from their routes | Small-ship cruise line adds week in {e} | Port limits in {e} shake up cruise season
    a small-ship itinerary | a crowded port
    cruise deals | cabins | shore excursions`,
});
