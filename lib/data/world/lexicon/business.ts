import { topic } from './topic.ts';

export const companies = topic({
  id: 'companies',
  register: 'business',
  link: 'at',
  entities: `
    Novatek Systems = NVTK
    Brightway Retail = BWAY
    Helios Energy = HLIO
    Quantara Labs = QNTR
    Meridian Bank = MRDB
    Cobalt Motors = CBLT
    Orchid Pharma = ORCP
    Skylark Airlines = SKLK
    Lumina Media = LMNA
    Granite Mining = GRNM
    Pelican Foods = PLCN
    Atlas Shipping = ATSH
    + Juniper Robotics = JNPR`,
  aspects: `
    quarterly earnings
    {e} beats profit estimates on strong demand | {e} misses revenue forecast for second straight quarter | {e} lifts full-year outlook after record sales
    a surprise profit | weaker revenue guidance
    results | earnings date | did they beat
    merger talks
    {e} nears multibillion-dollar takeover | Board rejects buyout offer for {e} | Shareholders approve merger with {e}
    a hostile takeover bid | a buyout premium
    acquisition | who is buying {e} | deal price
    job cuts
    {e} to lay off thousands in restructuring | {e} freezes hiring across all divisions | Union protests plant closure by {e}
    mass layoffs | a workforce reduction
    layoffs list | severance | is {e} firing people
    share prices
    {e} stock surges after analyst upgrade | {e} shares slide to two-year low | Short sellers pile into {e}
    a stock rally | a wave of selling
    stock price | buy or sell | why is {e} down
    antitrust probes
    Regulators open antitrust case against {e} | {e} hit with record competition fine | Lawmakers press {e} over market dominance
    a competition lawsuit | claims of monopoly power
    lawsuit | class action | fined how much
    executive changes
    {e} names outsider as chief executive | Founder steps down from {e} | {e} finance chief departs without notice
    a boardroom fight | the hunt for a successor
    who is the ceo | new boss | ceo pay
    dividend plans
    {e} raises quarterly payout | {e} suspends dividend to save cash | {e} launches billion-dollar buyback
    higher shareholder payouts | a share buyback
    yield | payout date | ex div`,
});

export const money = topic({
  id: 'money',
  register: 'money',
  link: 'for',
  entities: `
    Bitcore = the oldest crypto coin
    student loans = college debt
    mortgage rates = home loans
    retirement savings = nest eggs
    credit cards = plastic rewards
    gold bullion = the yellow metal
    Social Security = monthly benefit checks
    index funds = passive ETFs
    Ethera tokens = smart contract coins
    car insurance = auto premiums
    rental housing = apartment leases
    small business loans = startup lending
    + tokenized bonds = on-chain treasuries`,
  aspects: `
    market forecasts
    Economists slash outlook for {e} | Analysts see bumpy year ahead for {e} | Big banks turn bullish on {e}
    a gloomier outlook | a bull case for next year
    prediction | will it go up | next year
    scam alerts / around
    Watchdog warns of phishing scheme tied to {e} | Retirees lose thousands in scam involving {e} | Police bust fake call center pitching {e}
    a phishing scheme | fake advisers
    is it legit | fraud | got a weird call about {e}
    rule changes
    New federal rules reshape {e} from January | Lawmakers back overhaul of {e} | Court blocks reform of {e}
    a federal overhaul | tighter oversight
    new rules | eligibility | when does it start
    planner tips
    Five mistakes to avoid with {e} | How young families get more from {e} | Advisers share a simple strategy for {e}
    common mistakes | a smarter strategy
    calculator | how much do i need | beginner
    record highs
    Record run for {e} shows no sign of ending | Demand for {e} climbs to all-time peak | Costs tied to {e} jump the most in a decade
    an all-time peak | the biggest jump in a decade
    chart | today | how high can it go
    default risks
    Missed payments pile up around {e} | Relief program opens for people squeezed by {e} | Lenders tighten terms on {e} as losses mount
    a wave of missed payments | a relief program
    cant pay | forgiveness | bankruptcy
    tax breaks
    Little-known deduction rewards people with {e} | Congress expands credit tied to {e} | Refunds grow for filers with {e}
    a bigger refund | an overlooked deduction
    write off | deduction | tax form`,
});
