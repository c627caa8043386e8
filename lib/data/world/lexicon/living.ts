import { topic } from './topic.ts';

export const health = topic({
  id: 'health',
  register: 'living',
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
