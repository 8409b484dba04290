"""What each recorded answer used, typed out by reading it: the table that our readers answer to.

Ids are the recordings' own without their folders. Left is what the vendor wrote, right (in `used`)
what it means here: input without what was cached, thoughts beside the output where the vendor
does not count them in it.
"""

from collections.abc import Mapping
from typing import Final

Classes = Mapping[str, int]


def used(plain: int, output: int = 0, **more: int) -> Classes:
    """Classes of one answer: plain input, output, and whatever else there was."""
    tools = {name.replace("__", ":"): count for name, count in more.items()}
    return {name: n for name, n in {"input": plain, "output": output, **tools}.items() if n}


OPENAI: Final[Mapping[str, Classes]] = {
    "TestOpenAI.test_documents#0": used(2),
    "TestOpenAI.test_instrumentation#0": used(4),
    "test_audio_as_binary_content_input#0": used(20, 9, input_audio=44),
    "test_document_as_binary_content_input_with_tool#0": used(281, 17),
    "test_document_as_binary_content_input_with_tool#1": used(311, 17),
    "test_max_completion_tokens[gpt-4.5-preview]#0": used(8, 10),
    "test_max_completion_tokens[gpt-4o-mini]#0": used(8, 9),
    "test_openai_instructions#0": used(24, 8),
    "test_openai_instructions_with_tool_calls_keep_instructions#0": used(50, 15),
    "test_openai_instructions_with_tool_calls_keep_instructions#1": used(75, 15),
    "test_openai_moderation_flagged#0": used(12, 1888),
    "test_openai_moderation_stream#0": used(13, 11),
    "test_openai_native_output#0": used(71, 12),
    "test_openai_native_output#1": used(92, 15),
    "test_openai_prompted_output#0": used(109, 11),
    "test_openai_prompted_output#1": used(130, 11),
    "test_openai_text_output_function#0": used(42, 11),
    "test_openai_text_output_function#1": used(63, 10),
    "test_reasoning_model_with_temperature#0": used(13, 238),
    "test_run_stream_sync_streams_real_model#0": used(53, 15),
    "test_run_stream_sync_streams_real_model#1": used(78, 9),
    "test_user_id#0": used(8, 10),
    "test_valid_response#0": used(14, 7),
}

ANTHROPIC: Final[Mapping[str, Classes]] = {
    "test_mixed_tools_basemodel_output#0": used(781, 74),
    "test_mixed_tools_basemodel_output#1": used(947, 75),
    "test_no_tools_basemodel_output#0": used(678, 74),
    "test_no_tools_native_output_strict_true#0": used(196, 19),
    "test_no_tools_no_output#0": used(14, 65),
    "test_strict_false_tool_native_output#0": used(753, 53),
    "test_strict_false_tool_native_output#1": used(826, 24),
    "test_strict_false_tool_no_output#0": used(583, 76),
    "test_strict_false_tool_no_output#1": used(684, 24),
    "test_strict_none_tool_native_output#0": used(744, 53),
    "test_strict_none_tool_native_output#1": used(824, 23),
    "test_strict_none_tool_no_output#0": used(557, 55),
    "test_strict_none_tool_no_output#1": used(636, 88),
    "test_strict_true_tool_basemodel_output#0": used(732, 39),
    "test_strict_true_tool_basemodel_output#1": used(801, 76),
    "test_strict_true_tool_no_output#0": used(561, 54),
    "test_strict_true_tool_no_output#1": used(640, 26),
    "test_unsupported_strict_true_tool_basemodel_output#0": used(458, 38),
    "test_unsupported_strict_true_tool_basemodel_output#1": used(525, 73),
    "test_unsupported_strict_true_tool_no_output#0": used(377, 64),
    "test_unsupported_strict_true_tool_no_output#1": used(464, 30),
    "test_in_flight_native_tool_call_history_is_accepted#0": used(8606, 132, tool__web_search=1),
    "test_anthropic_advisor_tool_message_replay#0": used(2417, 133, tool__advisor=1),
    "test_anthropic_advisor_tool_message_replay#1": used(1311, 16),
    "test_anthropic_always_on_capability_toolset_is_visible#0": used(563, 4),
    "test_anthropic_cache_count_tokens#1": used(3, 414, cache_read=1111),
    "test_anthropic_cache_real_api#0": used(3, 406, cache_read=1111),
    "test_anthropic_cache_real_api#1": used(3, 33, cache_read=1111, cache_write_5m=418),
    "test_anthropic_code_execution_tool_container_reuse#0": used(4612, 80),
    "test_anthropic_code_execution_tool_container_reuse#1": used(4840, 80),
    "test_anthropic_deferred_capability_tool_callable_without_tool_search#0": used(658, 76),
    "test_anthropic_deferred_capability_tool_callable_without_tool_search#1": used(880, 89),
    "test_anthropic_deferred_capability_tool_callable_without_tool_search#2": used(988, 10),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-fable-5]#0":
        used(594, 50),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-fable-5]#1":
        used(797, 57),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-fable-5]#2":
        used(868, 11),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-opus-5]#0":
        used(590, 63),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-opus-5]#1":
        used(806, 57),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-opus-5]#2":
        used(877, 11),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-sonnet-4-6]#0":
        used(658, 76),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-sonnet-4-6]#1":
        used(880, 78),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-sonnet-4-6]#2":
        used(977, 10),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-sonnet-5]#0":
        used(658, 50),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-sonnet-5]#1":
        used(861, 57),
    "test_anthropic_deferred_capability_without_tool_search_across_models[claude-sonnet-5]#2":
        used(932, 11),
    "test_anthropic_explicit_tool_search_keeps_search_surface#0": used(827, 77),
    "test_anthropic_explicit_tool_search_keeps_search_surface#1": used(977, 78),
    "test_anthropic_explicit_tool_search_keeps_search_surface#2": used(1068, 10),
    "test_anthropic_mcp_servers#0": used(2674, 373),
    "test_anthropic_mcp_servers#1": used(5262, 369),
    "test_anthropic_memory_tool#0": used(1577, 86),
    "test_anthropic_memory_tool#1": used(1679, 16),
    "test_anthropic_mixed_strict_tool_run#0": used(628, 50),
    "test_anthropic_mixed_strict_tool_run#1": used(691, 53),
    "test_anthropic_mixed_strict_tool_run#2": used(757, 6),
    "test_anthropic_model_empty_message_on_history#0": used(41, 88),
    "test_anthropic_model_instructions#0": used(20, 10),
    "test_anthropic_model_retrying_after_empty_response#0": used(26, 18),
    "test_anthropic_model_thinking_part_redacted#0": used(92, 196),
    "test_anthropic_model_thinking_part_redacted#1": used(168, 232),
    "test_anthropic_model_thinking_part_redacted_stream#0": used(92, 189),
    "test_anthropic_native_output_decimal_strict#0": used(222, 10),
    "test_anthropic_opus_46_adaptive_thinking_accepts_tool_output[provider_specific]#0":
        used(671, 55),
    "test_anthropic_opus_46_features[basic]#0": used(14, 5),
    "test_anthropic_opus_46_features[effort]#0": used(14, 5),
    "test_anthropic_opus_48_features#0": used(13, 11),
    "test_anthropic_output_tool_with_thinking#0": used(107, 75),
    "test_anthropic_prompted_output#0": used(459, 38),
    "test_anthropic_prompted_output#1": used(510, 17),
    "test_anthropic_prompted_output_multiple#0": used(265, 31),
    "test_anthropic_server_tool_pass_history_to_another_provider#0": used(2218, 13),
    "test_anthropic_server_tool_receive_history_from_another_provider#1": used(4827, 95),
    "test_anthropic_task_budget_coexists_with_effort#0": used(54, 14),
    "test_anthropic_text_editor_code_execution_tool#0": used(10490, 469),
    "test_anthropic_web_fetch_tool_stream#0": used(7244, 153, tool__web_fetch=1),
    "test_anthropic_web_search_tool#0": used(8984, 520, tool__web_search=1),
    "test_anthropic_web_search_tool#1": used(19859, 544, tool__web_search=1),
    "test_anthropic_web_search_tool_stream#0": used(31772, 644, tool__web_search=2),
    "test_extra_headers#0": used(8, 21),
    "test_image_url_input_invalid_mime_type#0": used(335, 147),
    "test_request_stream_fallback_for_high_max_tokens#0": used(20, 5),
    "test_text_document_as_binary_content_input#0": used(57, 14),
    "test_text_document_url_input#1": used(713, 166),
}  # fmt: skip

GEMINI: Final[Mapping[str, Classes]] = {
    "test_google_task_prefix[asymmetric-document-no-title]#0": used(14),
    "test_google_task_prefix[asymmetric-document-with-title]#0": used(7),
    "test_google_task_prefix[asymmetric-query]#0": used(11),
    "test_google_task_prefix[raw-passthrough]#0": used(7),
    "test_google_task_prefix[symmetric-document-ignores-title]#0": used(7),
    "test_google_task_prefix[symmetric-sentence-similarity-ignores-title]#0": used(8),
    "test_google_task_prefix[task-ignored-on-other-model]#0": used(1),
    "test_google_task_prefix[task-type-ignored-on-embedding-2]#0": used(7),
    "test_anthropic_server_tool_receive_history_from_another_provider#0": used(13 + 289, 194),
    "test_google_dict_with_additional_properties_native_output_gemini_2_0#0": used(22, 40),
    "test_google_discriminated_union_native_output#0": used(14, 16, reasoning=181),
    "test_google_integer_enum_native_output#0": used(12, 13, reasoning=448),
    "test_google_model#0": used(9, 9, reasoning=34),
    "test_google_model_empty_assistant_response#0": used(10, 119, reasoning=699),
    "test_google_model_file_search_grounding_gemini_3[False]#3": used(95 + 439, 66, reasoning=132),
    "test_google_model_file_search_grounding_gemini_3[False]#4": used(332 + 643, 53, reasoning=173),
    "test_google_model_file_search_tool#3": used(15 + 288, 40, reasoning=257),
    "test_google_model_file_search_tool#4": used(46 + 1436, 293, reasoning=980),
    "test_google_model_file_search_tool_stream#3": used(15 + 770, 37, reasoning=742),
    "test_google_model_gemini_3_5_flash#0": used(15, 1, reasoning=72),
    "test_google_model_retry#0": used(57, 15, reasoning=124),
    "test_google_model_retry#1": used(109, 16, reasoning=199),
    "test_google_model_retry#2": used(142, 1, reasoning=97),
    "test_google_model_structured_output#0": used(69, 14),
    "test_google_model_structured_output#1": used(91, 21),
    "test_google_model_text_document_url_input#1": used(614, 66),
    "test_google_model_thinking_part_from_other_model#1": used(1106, 778, reasoning=1089),
    "test_google_model_thinking_part_iter#0": used(34, 469, reasoning=787),
    "test_google_model_usage_limit_not_exceeded#1": used(12, 109, reasoning=806),
    "test_google_model_web_fetch_tool#0": used(32 + 2395, 41, reasoning=47),
    "test_google_model_web_search_tool_stream#0":
        used(17 + 102, 241, reasoning=412, tool__google_search=1),
    "test_google_model_web_search_tool_stream#1":
        used(249 + 319, 240, reasoning=301, tool__google_search=1),
    "test_google_model_youtube_video_url_input#0":
        used(16 + 15780, 100, reasoning=1176, input_audio=1917),
    "test_google_native_output#0": used(8, 20),
    "test_google_native_output_multiple#0": used(50, 46),
    "test_google_nested_models_with_native_output#0": used(26, 64, reasoning=360),
    "test_google_nested_models_without_native_output#0": used(219, 93, reasoning=323),
    "test_google_optional_fields_native_output#0": used(12, 24, reasoning=130),
    "test_google_optional_fields_native_output#1": used(8, 6, reasoning=99),
    "test_google_prefix_items_native_output_gemini_2_0#0": used(27, 32),
    "test_google_prompted_output_with_tools#0": used(125, 12, reasoning=395),
    "test_google_prompted_output_with_tools#1": used(156, 13, reasoning=121),
    "test_google_recursive_schema_native_output#0": used(19, 48),
    "test_google_recursive_schema_native_output_gemini_2_5#0": used(20, 16, reasoning=183),
    "test_google_stream_usage_is_live_mid_stream#0": used(18, 80, reasoning=35),
    "test_google_streaming_tool_call_thought_signature#0": used(29, 10, reasoning=202),
    "test_google_streaming_tool_call_thought_signature#1": used(257, 8),
    "test_google_text_output_function#0": used(49, 12, reasoning=136),
    "test_google_text_output_function#1": used(80, 9, reasoning=64),
    "test_google_timeout#0": used(2, 11),
    "test_google_tool_config_any_with_tool_without_args#0": used(21, 1),
    "test_google_tool_config_any_with_tool_without_args#1": used(27, 5),
    "test_compatible_api_with_tool_calls_without_id#0": used(35, 12, reasoning=62),
    "test_compatible_api_with_tool_calls_without_id#1": used(66, 6, reasoning=28),
    "test_code_execution#0": used(257 + 1732, 170, reasoning=773),
    "test_code_execution#1": used(893 + 3056, 106, reasoning=1312),
    "test_google_validated_accepts_what_auto_accepts[validated]#0": used(776, 59, reasoning=184),
    "test_google_validated_accepts_what_auto_accepts[validated]#1": used(265, 28, cache_read=594),
    "test_auto_mode_with_function_and_builtin_tools#0": used(85, 12, reasoning=60),
    "test_auto_mode_with_function_and_builtin_tools#1": used(432 + 78, reasoning=18),
    "test_function_tools_with_builtin_tools#0": used(47, 31, reasoning=55),
    "test_function_tools_with_builtin_tools#1":
        used(132, 62, reasoning=121, tool__google_search=1),
    "test_native_output_with_function_tools#0": used(29, 12, reasoning=102),
    "test_native_output_with_function_tools#1": used(161, 21, reasoning=51),
    "test_native_output_with_function_tools_stream#0": used(29, 12, reasoning=69),
    "test_native_output_with_function_tools_stream#1": used(128, 21, reasoning=30),
}  # fmt: skip

COMPATIBLE: Final[Mapping[str, Classes]] = {
    "test_deepseek_model_thinking_stream#0": used(6, 212),
    "test_groq_model_instructions#0": used(48, 8),
    "test_groq_model_web_search_tool#0": used(5296, 387),
    "test_groq_prompted_output#0": used(177, 87),
    "test_image_url_input#0": used(749, 107),
    "test_tool_use_failed_error#1": used(301, 52),
    "test_tool_use_failed_error#2": used(80, 96, cache_read=256),
    "test_tool_use_failed_error_streaming_with_text#1": used(343, 180),
    "test_mistral_forwards_penalties#0": used(4, 36),
    "test_mistral_history_uses_prompt_cache#0": used(253, 5),
    "test_mistral_history_uses_prompt_cache#1": used(44, 5, cache_read=224),
    "test_mistral_model_thinking_part#1": used(664, 747),
    "test_eager_input_streaming_sent_to_openrouter[anthropic-disabled]#0": used(550, 12),
    "test_openrouter_advisor_tool_stream#0": used(888, 74),
    "test_openrouter_document_url_no_force_download#0": used(23, 48),
    "test_openrouter_file_annotation#0": used(31, 80),
    "test_openrouter_map_messages_reasoning#0": used(43, 402),
    "test_openrouter_preserve_reasoning_block#0": used(8, 15),
    "test_openrouter_preserve_reasoning_block#1": used(41, 1457),
    "test_openrouter_stream_with_reasoning#0": used(9, 104),
    "test_openrouter_streaming_reasoning#0": used(43, 36),
    "test_openrouter_thinking_false_profile_gated_model#0": used(16, 2),
    "test_openrouter_tool_optional_parameters#0": used(568, 48),
    "test_openrouter_with_native_options#0": used(5, 240, cache_read=682),
    "test_openrouter_with_reasoning#0": used(24, 2801),
    "test_openrouter_cache_all_settings_real_api#0": used(3, 63, cache_write_5m=2569),
    "test_openrouter_cache_all_settings_real_api#1":
        used(1, 100, cache_read=2569, cache_write_5m=79),
    "test_openrouter_cache_all_settings_real_api#2":
        used(3, 100, cache_read=2240, cache_write_5m=329),
    "test_openrouter_cache_instructions_gemini_e2e#0": used(211, 15),
    "test_openrouter_cache_instructions_static_dynamic_e2e#0": used(267, 18),
    "test_openrouter_cache_messages_anthropic_real_api#0": used(3, 100, cache_write_5m=3211),
    "test_openrouter_cache_messages_anthropic_real_api#1":
        used(3, 53, cache_read=3211, cache_write_5m=115),
    "test_openrouter_cache_point_multiple_markers_e2e#0": used(294, 27),
    "test_openrouter_cache_tool_definitions_e2e#0": used(566, 27),
    "test_openrouter_with_google_model#0": used(8, 17),
    "test_cerebras_model_simple#0": used(43, 9),
    "test_openai_model_cerebras_provider#0": used(42, 8),
}  # fmt: skip

USAGE: Final[Mapping[str, Mapping[str, Classes]]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "deepseek": COMPATIBLE,
    "groq": COMPATIBLE,
    "mistral": COMPATIBLE,
    "openrouter": COMPATIBLE,
    "cerebras": COMPATIBLE,
}

WITHOUT_USAGE: Final = frozenset(
    {
        "TestGoogle.test_query#0",
        "TestGoogle.test_query_with_dimensions#0",
        "TestGoogle.test_query_with_task_type#0",
        "test_tool_use_failed_error_streaming_with_text#0",
    }
)
"""Successful answers in which the vendor says nothing: early embeddings, a stream that failed."""

REASONING_INSIDE: Final[Mapping[str, int]] = {
    "test_openai_moderation_flagged#0": 1600,
    "test_reasoning_model_with_temperature#0": 192,
    "test_anthropic_advisor_tool_message_replay#0": 55,
    "test_deepseek_model_thinking_stream#0": 198,
    "test_tool_use_failed_error#1": 22,
    "test_tool_use_failed_error#2": 59,
    "test_tool_use_failed_error_streaming_with_text#1": 153,
    "test_openrouter_file_annotation#0": 64,
    "test_openrouter_preserve_reasoning_block#1": 704,
    "test_openrouter_streaming_reasoning#0": 13,
    "test_openrouter_with_native_options#0": 165,
}
"""Thinking that the vendor reports and counts within the output already."""

STREAMS: Final[Mapping[str, tuple[str | None, str]]] = {
    "test_openai_moderation_stream#0": ("stop", "chatcmpl-E4Rjs6IxaJVge9Ntk5keJsaeDy6vS"),
    "test_run_stream_sync_streams_real_model#0":
        ("tool_calls", "chatcmpl-Dx0XpqH8w09uBXwq1zFGYdETjtnEl"),
    "test_run_stream_sync_streams_real_model#1":
        ("stop", "chatcmpl-Dx0Xq5Xx9rHB2ehcHZCRDsnuymUXc"),
    "test_anthropic_model_thinking_part_redacted_stream#0":
        ("end_turn", "msg_018XZkwvj9asBiffg3fXt88s"),
    "test_anthropic_web_fetch_tool_stream#0": ("end_turn", "msg_015eAVGKhBrs95jUkYb2BaDt"),
    "test_anthropic_web_search_tool_stream#0": ("end_turn", "msg_019ifek4sTha46JcCb2z2yPp"),
    "test_request_stream_fallback_for_high_max_tokens#0":
        ("end_turn", "msg_018E1hg8GoVTGEKQY3ovMcSJ"),
    "test_google_model_file_search_tool_stream#3": ("STOP", "6hkqaYC5BbGEz7IPwb3ggA8"),
    "test_google_model_thinking_part_iter#0": ("STOP", "beHBaJfEMIi-qtsP3769-Q8"),
    "test_google_model_web_search_tool_stream#0": ("STOP", "ftnJaMmAMcm-qtsPwvCCoAo"),
    "test_google_stream_usage_is_live_mid_stream#0": ("STOP", "ru1garvBEoOiqtsP2fznmQw"),
    "test_google_streaming_tool_call_thought_signature#0": ("STOP", "QUVVadTSNJ6_qtsPvN7J8Q0"),
    "test_google_streaming_tool_call_thought_signature#1": ("STOP", "REVVabaiCdq4qtsPnZu96Qo"),
    "test_native_output_with_function_tools_stream#0": ("STOP", "g1P6aZnMMZq5qtsPj9fyuQ8"),
    "test_native_output_with_function_tools_stream#1": ("STOP", "hVP6afiZEuitz7IPypuAsQY"),
    "test_deepseek_model_thinking_stream#0": ("stop", "33be18fc-3842-486c-8c29-dd8e578f7f20"),
    "test_tool_use_failed_error_streaming_with_text#0":
        (None, "chatcmpl-fd87720a-9b48-4161-bcd7-6127bd0d3696"),
    "test_tool_use_failed_error_streaming_with_text#1":
        ("tool_calls", "chatcmpl-0b76b1ce-aa40-4950-9c90-a167b11d4b09"),
    "test_openrouter_advisor_tool_stream#0": ("stop", "gen-1784878121-HxA00pxmV0n2x1hZAuok"),
    "test_openrouter_stream_with_reasoning#0": ("stop", "gen-1762141316-q3fB64DDMstJO0ZakdSK"),
    "test_openrouter_streaming_reasoning#0": ("stop", "gen-1765226419-AGrwjunAftQIAgweibL8"),
}  # fmt: skip
"""Why each recorded stream ended (None: it failed), and the vendor's id of the answer."""

REFUSED: Final[Mapping[str, str]] = {
    "test_anthropic_code_execution_tool_container_reuse#1": "container",
    "test_google_model_file_search_grounding_gemini_3[False]#3": "tools[0].fileSearch",
    "test_google_model_file_search_grounding_gemini_3[False]#4": "tools[0].fileSearch",
    "test_google_model_file_search_tool#3": "tools[0].fileSearch",
    "test_google_model_file_search_tool#4": "tools[0].fileSearch",
    "test_google_model_file_search_tool_stream#3": "tools[0].fileSearch",
    "test_openrouter_with_native_options#0": "models",
}
"""Calls that we refuse although the vendor took them, and the field that is the reason (R34)."""
