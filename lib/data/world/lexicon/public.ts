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
