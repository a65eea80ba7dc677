"""Engines that answer chat completions for one base model with many LoRA adapters."""
