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
