"""onnxruntime-genai beside us, for consumers.test.ts: `python with_genai.py FOLDER PROMPTS.json` continues each prompt greedily."""
import json
import sys

import onnxruntime_genai as genai

folder, prompts = sys.argv[1], json.load(open(sys.argv[2]))
model = genai.Model(folder)
tokenizer = genai.Tokenizer(model)
lists = []
for ids in prompts["ids"]:
    params = genai.GeneratorParams(model)
    params.set_search_options(max_length=len(ids) + prompts["tokens"], do_sample=False)
    generator = genai.Generator(model, params)
    generator.append_tokens(ids)
    while not generator.is_done():
        generator.generate_next_token()
    lists.append([int(token) for token in generator.get_sequence(0)[len(ids):]])
print(json.dumps({"lists": lists, "text": [int(token) for token in tokenizer.encode(prompts["text"])]}))
