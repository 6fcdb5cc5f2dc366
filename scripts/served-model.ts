// The policy that a server has.

export interface ServedModel {
  readonly id: string;
  readonly max_model_len: number;
}

/** The first that it lists. */
export async function servedModel(url: string): Promise<ServedModel> {
  const response = await fetch(`${url}/v1/models`);
  const models: { data: [ServedModel] } = JSON.parse(await response.text());
  return models.data[0];
}
