# LlamaIndex: additional_kwargs' extra_body goes into every request.
from llama_index.llms.openai_like import OpenAILike

model = OpenAILike(
    model="wordle",
    api_base="http://127.0.0.1:8000/v1",
    api_key="none",
    context_window=128,
    additional_kwargs={"extra_body": {"beta": 64}, "stop": "\n"},
    max_tokens=5,
)
print(model.complete("Wordle:\n").text)
