// Made by `npm run generate` from openapi/. Never edited.
export const operations = {
  "import_oauth_token_v2_auth_tokens_import_post": {"method":"POST","path":"/v2/auth/tokens/import","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "authenticate_v2_auth_authenticate_post": {"method":"POST","path":"/v2/auth/authenticate","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "wait_for_auth_completion_v2_auth_wait__auth_id__get": {"method":"GET","path":"/v2/auth/wait/{auth_id}","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "oauth_callback_get_v2_auth_callback__provider_id__get": {"method":"GET","path":"/v2/auth/callback/{provider_id}","security":[[],["BearerAuth"]],"role":null,"isPublic":false,"isOptional":true},
  "oauth_callback_v2_auth_callback__provider_id__post": {"method":"POST","path":"/v2/auth/callback/{provider_id}","security":[[],["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":true},
  "oauth_setup_callback_v2_auth_setup__provider_id__get": {"method":"GET","path":"/v2/auth/setup/{provider_id}","security":[],"role":null,"isPublic":true,"isOptional":false},
  "list_oauth_providers_v2_auth_providers_get": {"method":"GET","path":"/v2/auth/providers","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "create_oauth_provider_v2_auth_providers_post": {"method":"POST","path":"/v2/auth/providers","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":"admin","isPublic":false,"isOptional":false},
  "get_oauth_provider_v2_auth_providers__provider_id__get": {"method":"GET","path":"/v2/auth/providers/{provider_id}","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "update_oauth_provider_v2_auth_providers__provider_id__patch": {"method":"PATCH","path":"/v2/auth/providers/{provider_id}","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":"admin","isPublic":false,"isOptional":false},
  "delete_oauth_provider_v2_auth_providers__provider_id__delete": {"method":"DELETE","path":"/v2/auth/providers/{provider_id}","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":"admin","isPublic":false,"isOptional":false},
  "list_oauth_tokens_for_user_v2_auth_tokens_get": {"method":"GET","path":"/v2/auth/tokens","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "check_oauth_token_exists_v2_auth_tokens_exists_get": {"method":"GET","path":"/v2/auth/tokens/exists","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "update_token_label_v2_auth_tokens__token_id__metadata_patch": {"method":"PATCH","path":"/v2/auth/tokens/{token_id}/metadata","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":null,"isPublic":false,"isOptional":false},
  "check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get": {"method":"GET","path":"/v2/auth/tokens/workspace/slack/exists","security":[["ApiKey"],["BearerAuth"],["ApiKey","BearerAuth"]],"role":"admin","isPublic":false,"isOptional":false},
} as const;
