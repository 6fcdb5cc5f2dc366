# OpenAI's client for Python: extra_body goes into the request.
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
answer = client.completions.create(
    model="wordle", prompt="Wordle:\n", max_tokens=5, stop="\n", extra_body={"beta": 64}
)
print(answer.choices[0].text)
